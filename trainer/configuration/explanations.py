"""What the names that flags choose between mean, for people: one line each."""

from __future__ import annotations

OF_CHOICES = {
    "architecture": {
        "classic": "plain convolutions with BatchNorm, from the first Keras tutorials",
        "comodulated": "completes pictures: modulated by latents, labels and the picture",
        "cropped": "from Keras's WGAN-GP example: upsampled to 32 pixels, then cropped",
        "dcgan": "transposed convolutions, from TensorFlow's tutorial",
        "fashion": "our own, small and without normalisation, fast on CPUs",
        "mlp": "fully connected layers: the smallest, grainy",
        "r3gan": "residual blocks without normalisation, made for GPUs",
        "residual": "residual blocks, from SNGAN",
        "residual_mean": "the former `residual`, whose discriminator takes means: for old runs",
        "upsampling": "upsampling and wide convolutions, from GANBasics, made for GPUs",
        "style": "`fashion`'s layers, modulated by styles: quickest to come close to the data",
        "style_joint": "the former `style`, whose mapping network sees labels: for old runs",
        "stylegan": "after StyleGAN2, with noise and images at all sides: can grow",
        "stylegan_joint": "the former `stylegan`, whose mapping network sees labels: for old runs",
        "stylegan_transposed": "the former `stylegan`, with a mesh in its images: for old runs",
    },
    "loss": {
        "bce": "cross-entropy, as in the first GAN paper and DCGAN",
        "lsgan": "least squares",
        "wgan": "the Wasserstein distance: needs a bound on the critic",
        "hinge": "margins, as in SNGAN and BigGAN",
        "relativistic": "pairs of a real and a fake image, as in R3GAN: use with --r1 and --r2",
    },
    "dataset": {
        "celeb_a": "202,599 faces in colour, resized",
        "cifar10": "60,000 photographs in ten classes, 32 pixels, colour",
        "coloured_fashion_mnist": "Fashion-MNIST in eight colours, as a second attribute",
        "fashion_mnist": "70,000 garments in ten classes, 28 pixels, grey",
        "kmnist": "70,000 Japanese characters in ten classes, 28 pixels, grey",
        "mnist": "70,000 digits, 28 pixels, grey",
        "synthetic": "drawn in code: needs no data, for trying things out",
        "synthetic_garments": "drawn in code: ten classes, eight colours, three patterns",
        "image_folder": "your own pictures in --data_dir",
    },
    "update": {
        "simultaneous": "both networks in one pass",
        "alternating": "the discriminator --critic_steps times, then the generator",
    },
    "format": {
        "keras": "for keras.models.load_model",
        "weights": "for Model.load_weights on what build_networks of this package returns",
        "h5": "Keras's older format",
        "saved_model": "a folder for TensorFlow, TensorFlow Serving and other languages",
        "tflite": "for LiteRT on phones and small devices",
        "onnx": "for ONNX Runtime and others: needs `pip install onnx tf2onnx`",
    },
}

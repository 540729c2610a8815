"""What the names mean that flags choose between, for people: a line each."""

from __future__ import annotations

OF_CHOICES = {
    "architecture": {
        "classic": "plain convolutions with BatchNorm, of the first Keras tutorials",
        "comodulated": "completes pictures: latents, labels and picture modulate it",
        "cropped": "of Keras's WGAN-GP example: upsampled to 32 pixels, then cropped",
        "dcgan": "transposed convolutions, of TensorFlow's tutorial",
        "fashion": "our own, small and without normalisation, fast on processors",
        "mlp": "fully connected layers: the smallest, grainy",
        "r3gan": "residual blocks without normalisation, made for GPUs",
        "residual": "residual blocks, of SNGAN",
        "residual_mean": "`residual` as it was, whose discriminator takes means: of such runs",
        "upsampling": "upsampling and wide convolutions, of GANBasics, made for GPUs",
        "style": "`fashion`'s layers, modulated by styles: near to the data soonest",
        "style_joint": "`style` as it was, whose mapping network sees labels: of runs that have it",
        "stylegan": "after StyleGAN2's, with noise and images of all sides: can grow",
        "stylegan_joint": "`stylegan` as it was, whose mapping network sees labels: of such runs",
        "stylegan_transposed": "`stylegan` as it was, with a mesh in its images: of such runs",
    },
    "loss": {
        "bce": "cross-entropy, as in the first paper and DCGAN",
        "lsgan": "least squares",
        "wgan": "the Wasserstein distance: needs a bound on the critic",
        "hinge": "margins, as in SNGAN and BigGAN",
        "relativistic": "pairs of a real and a fake image, as in R3GAN: with --r1 and --r2",
    },
    "dataset": {
        "celeb_a": "202,599 faces in colour, resized",
        "cifar10": "60,000 photographs in ten classes, 32 pixels, colour",
        "coloured_fashion_mnist": "Fashion-MNIST in eight colours, as a second attribute",
        "fashion_mnist": "70,000 clothes in ten classes, 28 pixels, grey",
        "kmnist": "70,000 Japanese letters in ten classes, 28 pixels, grey",
        "mnist": "70,000 digits, 28 pixels, grey",
        "synthetic": "drawn in code: needs no data, for trying things out",
        "synthetic_garments": "drawn in code: ten classes, eight colours, three patterns",
        "image_folder": "your own pictures in --data_dir",
    },
    "update": {
        "simultaneous": "both networks by one pass",
        "alternating": "the discriminator --critic_steps times, then the generator",
    },
    "format": {
        "keras": "for keras.models.load_model",
        "weights": "for Model.load_weights of what this package builds, build_networks",
        "h5": "Keras's older format",
        "saved_model": "a folder for TensorFlow, its serving and other languages",
        "tflite": "for LiteRT on phones and small devices",
        "onnx": "for ONNX Runtime and others: needs `pip install onnx tf2onnx`",
    },
}

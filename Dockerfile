# The command fashion-gan, and TensorBoard beside it. As base, Python 3.11 to 3.13 on glibc will do;
# one that stays the same is named by its digest (--build-arg BASE=python@sha256:...), which
# `docker buildx imagetools inspect python:3.12-slim-bookworm` tells.
#
#   docker build --tag fashion-gan .
#   docker build --tag fashion-gan:cuda --build-arg LOCK=requirements-cuda.lock .
#   docker run --entrypoint tensorboard fashion-gan --version
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
ARG LOCK=requirements.lock
# Where a proxy has certificates of its own: their file, in a folder mounted for the build.
ARG PIP_CERT
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
COPY ${LOCK} requirements.lock
# One dependency comes as source only. The setuptools of the lock builds it: what pip would fetch
# for that by itself is checked by no hash. Headers are for those who compile operations of their
# own. Nobody can write bytecode later, and unchecked, no start need compare it with its source.
RUN python3 -m venv --without-pip /opt/fashion-gan \
  && sed -n '/^setuptools==/,/[^\\]$/p' requirements.lock > setuptools.lock \
  && for lock in setuptools.lock requirements.lock; do \
    python3 -m pip --python /opt/fashion-gan/bin/python install --quiet --no-compile \
      --no-build-isolation --use-pep517 --require-hashes --requirement "$lock" || exit; \
  done \
  && rm -r /opt/fashion-gan/lib/python3.*/site-packages/tensorflow/include \
  && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '/tests?/' \
    /opt/fashion-gan/lib
COPY pyproject.toml setup.py README.md LICENSE ./
COPY trainer trainer
RUN python3 -m pip --python /opt/fashion-gan/bin/python install --quiet --no-compile \
    --no-build-isolation --no-deps --no-warn-script-location --root /package . \
  && python3 -m compileall -q --invalidation-mode unchecked-hash -s /package -p / /package

FROM ${BASE}
LABEL org.opencontainers.image.title="fashion-gan" \
  org.opencontainers.image.description="A distributed, resumable GAN trainer for Fashion-MNIST" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.licenses="Apache-2.0"
# Some libraries ask who runs them. Not every base has its standard library's bytecode.
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin fashion-gan \
  && rm -rf /usr/local/bin/pip* /usr/local/lib/python3.*/site-packages/pip* \
  && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '/test|-packages/' \
    "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
# In layers of their own: a new version of the trainer is a small download.
COPY --from=build /opt/fashion-gan /opt/fashion-gan
COPY --from=build /package /
# With a read-only root the one writable place is what is mounted on /tmp: Keras, Matplotlib and
# TensorFlow Datasets keep their files at home. The drivers of GKE's GPU nodes lie in nvidia/lib64.
ENV PATH=/opt/fashion-gan/bin:$PATH \
  LD_LIBRARY_PATH=/usr/local/nvidia/lib64 \
  PYTHONDONTWRITEBYTECODE=1 \
  HOME=/tmp \
  TMPDIR=/tmp
WORKDIR /tmp
USER 10001:10001
# No init inside: engines and pods have their own (--init; shareProcessNamespace). Without, a SIGTERM
# is lost in the moment before Python has a handler: PID 1 ignores what it does not handle.
ENTRYPOINT ["fashion-gan"]

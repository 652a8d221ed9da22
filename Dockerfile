# The page on your own server, with or without a GPU. Runs as nobody in particular and writes to /cache and /tmp only:
#
#   docker build -t blip2-chat .
#   docker run --rm --init -p 127.0.0.1:7860:7860 --read-only --tmpfs /tmp --cap-drop ALL \
#     --security-opt no-new-privileges -v blip2-cache:/cache blip2-chat
#
# With a GPU: add `--gpus all`, and behind the image's name `--model Salesforce/instructblip-flan-t5-xl --precision int8`.
# To let other machines in, put a server with TLS in front of it, or publish `-p 7860:7860` on a network that you trust.
FROM python:3.12-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    BLIP2_CACHE=/cache/blip2-chat HF_HOME=/cache/huggingface HF_HUB_DISABLE_TELEMETRY=1 \
    GRADIO_ANALYTICS_ENABLED=False GRADIO_TEMP_DIR=/tmp/gradio HOME=/tmp

WORKDIR /srv/blip2-chat
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY LICENSE app.py ./
COPY blip2_core blip2_core
COPY demo demo
# Compiled now, for nothing can be written later; the cache belongs to the user, also in a fresh volume.
RUN python -m compileall -q blip2_core demo app.py \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin blip2 \
    && install -d -o blip2 -g blip2 /cache

USER 10001
VOLUME /cache
EXPOSE 7860
STOPSIGNAL SIGINT
# 503 until the model answers; a large one takes its time the first time.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30m --retries=3 CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/gradio_api/healthz', timeout=8)"]
ENTRYPOINT ["python", "app.py", "--host", "0.0.0.0"]

# All seven tools. CPU: docker build -t mind-toolkit --build-arg TORCH_INDEX=URL .
# where URL is torch's index of wheels for CPUs; without it the package index's pinned torch comes.
# CUDA: docker build -t mind-toolkit:cuda --build-arg TORCH=cuda .
FROM python:3.11-slim AS wheels
WORKDIR /source
COPY . .
ENV MIND_SIBLINGS=name MIND_NATIVE=require
# mind-core first: its compiler makes the loops of the others.
RUN pip install --no-cache-dir -c constraints.txt hatchling numba \
    && pip wheel --no-cache-dir --no-build-isolation --no-deps -w /wheels packages/mind-core \
    && pip install --no-cache-dir -c constraints.txt /wheels/mind_core-*.whl
RUN pip wheel --no-cache-dir --no-build-isolation --no-deps -w /wheels packages/* plugins/mind-*

FROM python:3.11-slim
ARG TORCH=cpu
ARG TORCH_INDEX=
COPY constraints.txt /tmp/constraints.txt
COPY --from=wheels /wheels /wheels
RUN if [ "$TORCH" = cuda ]; then pip install --no-cache-dir -c /tmp/constraints.txt torch; \
    else pip install --no-cache-dir -c /tmp/constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch; fi \
    && pip install --no-cache-dir -c /tmp/constraints.txt /wheels/*.whl pyarrow \
    && rm -rf /wheels /tmp/constraints.txt
RUN useradd --create-home --uid 1000 mind
USER 1000
WORKDIR /data
CMD ["mind-clean", "--help"]

"""The cases of run.ts on MLX, plain and compiled: one JSON line each. Products of float32 are float32."""
import json, os, re, sys, time

os.environ.setdefault("MLX_ENABLE_TF32", "0")
import mlx.core as mx, mlx.nn as nn, mlx.optimizers as optim

only, N, M = re.compile(sys.argv[1] if len(sys.argv) > 1 else ""), 1 << 28, 8192


def timed(name, peer, f, n):
    if not only.search(name): return
    try:
        rounds, until = 0, time.perf_counter() + 0.2
        while rounds < 3 or time.perf_counter() < until:
            start = time.perf_counter()
            for _ in range(n): r = f(); mx.async_eval(r)
            mx.eval(r); mx.synchronize()
            ms, rounds = (time.perf_counter() - start) / n * 1e3, rounds + 1
        print(json.dumps({"name": name, "peer": peer, "ms": ms}), flush=True)
    except Exception as e:
        print(name, peer, repr(e)[:300], file=sys.stderr)


def both(name, n, f, *a):
    timed(name, "mlx", lambda: f(*a), n)
    g = mx.compile(f)
    timed(name, "mlx.compile", lambda: g(*a), n)


x = mx.random.normal((N,))
m = mx.contiguous(x[: M * M].reshape(M, M))
scale, shift = mx.ones(M), mx.zeros(M)
mx.eval(x, m, scale, shift)
both("chain (x*2+5)/3 2^28 f32", 20, lambda x: (x * 2 + 5) / 3, x)
both("gelu tanh 2^28 f32", 20, nn.gelu_approx, x)
timed("softmax 8192x8192 f32", "mlx", lambda: mx.softmax(m, -1), 100)
timed("layer norm 8192x8192 f32", "mlx", lambda: mx.fast.layer_norm(m, scale, shift, 1e-5), 100)
timed("variance over rows 8192x8192 f32", "mlx", lambda: m.var(1), 100)
timed("sum over columns 8192x8192 f32", "mlx", lambda: m.sum(0), 100)
timed("sum 2^28 f32", "mlx", lambda: x.sum(), 100)
timed("transposed copy 8192x8192 f32", "mlx", lambda: mx.contiguous(m.T), 100)
timed("matmul 8192^3 f32", "mlx", lambda: m @ m, 5)
h = m.astype(mx.bfloat16)
mx.eval(h)
timed("matmul 8192^3 bf16", "mlx", lambda: h @ h, 10)
small = mx.random.normal((512, 512))
timed("matmul 512^3 f32", "mlx", lambda: small @ small, 1000)
batch = mx.random.normal((64, 1024, 1024)).astype(mx.bfloat16)
W, v = mx.random.normal((16384, 16384)).astype(mx.bfloat16), mx.random.normal((1, 16384)).astype(mx.bfloat16)
mx.eval(batch, W, v)
timed("matmul 64 x 1024^3 bf16", "mlx", lambda: batch @ batch, 100)
timed("matrix-vector 16384x16384 bf16", "mlx", lambda: v @ W.T, 100)
timed("normal 2^28 f32", "mlx", lambda: mx.random.normal((N,)), 20)
four = mx.ones(4)


def adds():
    y = four
    for _ in range(1000): y = y + 1
    return y


def adds_each():
    y = four
    for _ in range(1000):
        y = y + 1
        mx.eval(y)
    return y


timed("1000 chained adds of 4 elements", "mlx", adds, 10)
timed("1000 adds, each evaluated", "mlx", adds_each, 3)


def mlp():
    net, opt = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)), optim.Adam(1e-3)
    X, Y = mx.random.normal((256, 784)), mx.random.randint(0, 10, (256,))
    value = nn.value_and_grad(net, lambda net, X, Y: nn.losses.cross_entropy(net(X), Y, reduction="mean"))
    mx.eval(net.parameters(), X, Y)

    def step():
        loss, grads = value(net, X, Y)
        opt.update(net, grads)
        return loss

    state = [net.state, opt.state]

    def whole():
        loss = step()
        return loss, state

    timed("MLP train step b256 f32", "mlx", whole, 200)
    compiled = mx.compile(step, inputs=state, outputs=state)
    timed("MLP train step b256 f32", "mlx.compile", lambda: (compiled(), state), 200)


mlp()

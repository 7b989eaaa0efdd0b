"""The cases of run.ts on PyTorch, eager and compiled: one JSON line each."""
import json, re, sys, time
import torch, torch.nn.functional as F

only, d, N, M = re.compile(sys.argv[1] if len(sys.argv) > 1 else ""), "cuda", 1 << 28, 8192
torch.backends.cuda.matmul.allow_tf32 = False


def timed(name, peer, f, n):
    if not only.search(name): return
    try:
        rounds, until = 0, time.perf_counter() + 0.2
        while rounds < 3 or time.perf_counter() < until:
            start = time.perf_counter()
            for _ in range(n): f()
            torch.cuda.synchronize()
            ms, rounds = (time.perf_counter() - start) / n * 1e3, rounds + 1
        print(json.dumps({"name": name, "peer": peer, "ms": ms}), flush=True)
    except Exception as e:
        print(name, peer, repr(e)[:300], file=sys.stderr)


def both(name, n, f):
    timed(name, "torch", f, n)
    timed(name, "torch.compile", torch.compile(f), n)


x = torch.randn(N, device=d)
m = x[: M * M].view(M, M)
scale, shift = torch.ones(M, device=d), torch.zeros(M, device=d)
both("chain (x*2+5)/3 2^28 f32", 20, lambda: (x * 2 + 5) / 3)
both("gelu tanh 2^28 f32", 20, lambda: F.gelu(x, approximate="tanh"))
both("softmax 8192x8192 f32", 100, lambda: torch.softmax(m, -1))
both("layer norm 8192x8192 f32", 100, lambda: F.layer_norm(m, (M,), scale, shift))
both("variance over rows 8192x8192 f32", 100, lambda: m.var(1))
both("sum over columns 8192x8192 f32", 100, lambda: m.sum(0))
both("sum 2^28 f32", 100, lambda: x.sum())
both("transposed copy 8192x8192 f32", 100, lambda: m.t().contiguous())
timed("matmul 8192^3 f32", "torch", lambda: m @ m, 5)
h = m.bfloat16()
timed("matmul 8192^3 bf16", "torch", lambda: h @ h, 10)
small = torch.randn(512, 512, device=d)
timed("matmul 512^3 f32", "torch", lambda: small @ small, 1000)
batch = torch.randn(64, 1024, 1024, device=d).bfloat16()
timed("matmul 64 x 1024^3 bf16", "torch", lambda: batch @ batch, 100)
W, v = torch.randn(16384, 16384, device=d).bfloat16(), torch.randn(1, 16384, device=d).bfloat16()
timed("matrix-vector 16384x16384 bf16", "torch", lambda: v @ W.t(), 100)
both("normal 2^28 f32", 20, lambda: torch.randn(N, device=d))
four = torch.ones(4, device=d)


def adds():
    y = four
    for _ in range(1000): y = y + 1
    return y


def adds_each():
    y = four
    for _ in range(1000):
        y = y + 1
        torch.cuda.synchronize()
    return y


timed("1000 chained adds of 4 elements", "torch", adds, 10)
timed("1000 adds, each evaluated", "torch", adds_each, 3)


def mlp():
    net = torch.nn.Sequential(torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10)).to(d)
    opt = torch.optim.Adam(net.parameters(), 1e-3, fused=True)
    X, Y = torch.randn(256, 784, device=d), torch.randint(0, 10, (256,), device=d)
    loss = torch.compile(lambda: F.cross_entropy(net(X), Y))

    def step(f):
        opt.zero_grad()
        f().backward()
        opt.step()

    timed("MLP train step b256 f32", "torch", lambda: step(lambda: F.cross_entropy(net(X), Y)), 200)
    timed("MLP train step b256 f32", "torch.compile", lambda: step(loss), 200)


mlp()

"""The cases of control.ts on JAX, jitted."""
import re, sys, time
import jax, jax.numpy as jnp

only = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")


def timed(name, n, f, *args):
    if not only.search(name): return
    for _ in range(3): f(*args).block_until_ready()
    best = 1e9
    for _ in range(n):
        start = time.perf_counter()
        f(*args).block_until_ready()
        best = min(best, time.perf_counter() - start)
    print(f"jax  {name:44} {best * 1e3:.3f} ms", flush=True)


def normal(shape): return jax.random.normal(jax.random.key(1), shape)


h, xs, w, v, m = normal((64, 256)), normal((1000, 64, 256)), normal((256, 256)) * 0.05, normal((1024,)), normal((4096, 4096))
def step(w):
    def f(h, x):
        n = jnp.tanh(h @ w + x)
        return n, n.sum()
    return f


rnn = lambda w, h, xs: jax.lax.scan(step(w), h, xs)[1]
timed("scan: RNN of 1000 steps, 64 x 256", 5, jax.jit(rnn), w, h, xs)
timed("scan: its gradient", 5, jax.jit(jax.grad(lambda w: rnn(w, h, xs).sum())), w)
loop = jax.jit(lambda v: jax.lax.while_loop(lambda c: c[1] < 10000, lambda c: (c[0] * 0.999 + 0.001, c[1] + 1), (v, 0))[0])
timed("while: 10000 passes over 1024 elements", 3, loop, v)
timed("cond: a function of 1024 elements", 50, jax.jit(lambda v: jax.lax.cond(v.sum() > 0, jnp.exp, jnp.sin, v)), v)
timed("cond: a product of 4096 x 4096", 10, jax.jit(lambda m: jax.lax.cond(m[0, 0] > 0, lambda m: m @ m, lambda m: m.T @ m, m)), m)

/// C (+)= op(A) op(B), row-major; op(A) is m x k, op(B) is k x n. `shared` allows splitting the result over threads,
/// which changes no bit. `finish`: what becomes of the result.
public func gemm<T: Scalar>(
  _: T.Type, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ a: UnsafeRawPointer,
  _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer, _ accumulate: Bool, _ finish: GemmFinish = .none,
  shared: Bool = true
) {
  if m == 0 || n == 0 { return }
  if k > 0, T.self == Float.self, let kernels = GemmChoice.current.kernels {
    gemm(kernels, transposeA, transposeB, m, n, k, a, b, c, accumulate, finish, shared: shared)
    return
  }
  if k > 0 {
    gemmByBLAS(T.self, transposeA, transposeB, m, n, k, a, b, c, accumulate, shared: shared)
  } else if !accumulate {
    fill(T.self, c, m * n, 0)
  }
  finishRows(T.self, finish, c, m, n)
}

/// By given micro-kernels; no size is 0.
func gemm(
  _ kernels: GemmKernels, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int,
  _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer, _ accumulate: Bool,
  _ finish: GemmFinish = .none, shared: Bool
) {
  if !transposeA, transposeB, DotGemm.takes(m, n, k) {
    DotGemm(
      kernels: kernels, m: m, n: n, k: k, a: a.assumingMemoryBound(to: Float.self),
      b: b.assumingMemoryBound(to: Float.self), c: c.assumingMemoryBound(to: Float.self),
      accumulate: accumulate, bias: finish.bias?.assumingMemoryBound(to: Float.self)
    ).run(shared: shared)
    finishRows(Float.self, GemmFinish(watch: finish.watch), c, m, n)
    return
  }
  BlockedGemm(
    kernels: kernels, m: m, n: n, k: k,
    a: .init(
      pointer: a.assumingMemoryBound(to: Float.self), row: transposeA ? 1 : k, column: transposeA ? m : 1),
    b: .init(
      pointer: b.assumingMemoryBound(to: Float.self), row: transposeB ? 1 : n, column: transposeB ? k : 1),
    c: c.assumingMemoryBound(to: Float.self), cRow: n, accumulate: accumulate, finish: finish
  ).run(shared: shared)
}

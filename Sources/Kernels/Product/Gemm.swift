/// C (+)= op(A) op(B), row-major; op(A) is m x k, op(B) is k x n. `shared` allows splitting the result over threads,
/// which changes no bit. `finish`: what becomes of the result.
public func gemm<T: Scalar>(
  _: T.Type, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ a: UnsafeRawPointer,
  _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer, _ accumulate: Bool, _ finish: GemmFinish = .none,
  shared: Bool = true
) {
  if m == 0 || n == 0 { return }
  if k > 0, let kernels = GemmChoice.current.kernels(T.dtype) {
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

/// By given micro-kernels, in their precision; no size is 0.
func gemm(
  _ kernels: GemmKernels, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int,
  _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer, _ accumulate: Bool,
  _ finish: GemmFinish = .none, shared: Bool
) {
  if kernels.dtype == .float64 {
    gemm(Double.self, kernels, transposeA, transposeB, m, n, k, a, b, c, accumulate, finish, shared: shared)
  } else {
    gemm(Float.self, kernels, transposeA, transposeB, m, n, k, a, b, c, accumulate, finish, shared: shared)
  }
}

@specialized(where T == Float)
@specialized(where T == Double)
private func gemm<T: Scalar>(
  _: T.Type, _ kernels: GemmKernels, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int,
  _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer, _ accumulate: Bool,
  _ finish: GemmFinish, shared: Bool
) {
  let (a, b) = (a.assumingMemoryBound(to: T.self), b.assumingMemoryBound(to: T.self))
  let c = c.assumingMemoryBound(to: T.self)
  if !transposeA, transposeB, DotGemm<T>.takes(m, n, k) {
    DotGemm(
      kernels: kernels, m: m, n: n, k: k, a: a, b: b, c: c, accumulate: accumulate,
      bias: finish.bias?.assumingMemoryBound(to: T.self)
    ).run(shared: shared)
    finishRows(T.self, GemmFinish(watch: finish.watch), c, m, n)
    return
  }
  BlockedGemm(
    kernels: kernels, m: m, n: n, k: k,
    a: .init(pointer: a, row: transposeA ? 1 : k, column: transposeA ? m : 1),
    b: .init(pointer: b, row: transposeB ? 1 : n, column: transposeB ? k : 1),
    c: c, cRow: n, accumulate: accumulate, finish: finish
  ).run(shared: shared)
}

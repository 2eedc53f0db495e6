/// C (+)= op(A) op(B), row-major; op(A) is m x k, op(B) is k x n. `shared` allows splitting the result over threads,
/// which changes no bit. `finish`: what becomes of the result.
public func gemm<T: Scalar>(
  _: T.Type, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ a: UnsafeRawPointer,
  _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer, _ accumulate: Bool, _ finish: GemmFinish = .none,
  shared: Bool = true
) {
  gemm(
    T.self, m, n, k, MatrixView(a, row: transposeA ? 1 : k, column: transposeA ? m : 1),
    MatrixView(b, row: transposeB ? 1 : n, column: transposeB ? k : 1), c, accumulate, finish, shared: shared)
}

/// A matrix in memory: element (i, j) lies `i * row + j * column` elements behind the first. One of the strides is 1.
public struct MatrixView {
  public let pointer: UnsafeRawPointer
  public let row: Int
  public let column: Int

  public init(_ pointer: UnsafeRawPointer, row: Int, column: Int) {
    (self.pointer, self.row, self.column) = (pointer, row, column)
  }

  public var transposed: MatrixView { MatrixView(pointer, row: column, column: row) }
}

/// C (+)= A B of matrices as they lie: A is m x k, B is k x n; rows of C lie `row` elements apart, n where it is nil.
public func gemm<T: Scalar>(
  _: T.Type, _ m: Int, _ n: Int, _ k: Int, _ a: MatrixView, _ b: MatrixView, _ c: UnsafeMutableRawPointer,
  _ accumulate: Bool, _ finish: GemmFinish = .none, shared: Bool = true, row: Int? = nil
) {
  if m == 0 || n == 0 { return }
  if k > 0, let kernels = GemmChoice.current.kernels(T.dtype) {
    gemm(T.self, kernels, m, n, k, a, b, c, accumulate, finish, shared: shared, row: row ?? n)
    return
  }
  precondition(row == nil || row == n || finish.bias == nil && finish.watch == nil)
  if k > 0 {
    gemmByBLAS(T.self, m, n, k, a, b, c, accumulate, shared: shared, row: row ?? n)
  } else if !accumulate {
    for i in 0..<m { fill(T.self, c + i * (row ?? n) * MemoryLayout<T>.size, n, 0) }
  }
  finishRows(T.self, finish, c, m, n)
}

/// By given micro-kernels, in their precision; no size is 0.
func gemm(
  _ kernels: GemmKernels, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int,
  _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer, _ accumulate: Bool,
  _ finish: GemmFinish = .none, shared: Bool
) {
  let (a, b) = (
    MatrixView(a, row: transposeA ? 1 : k, column: transposeA ? m : 1),
    MatrixView(b, row: transposeB ? 1 : n, column: transposeB ? k : 1)
  )
  if kernels.dtype == .float64 {
    gemm(Double.self, kernels, m, n, k, a, b, c, accumulate, finish, shared: shared, row: n)
  } else {
    gemm(Float.self, kernels, m, n, k, a, b, c, accumulate, finish, shared: shared, row: n)
  }
}

@specialized(where T == Float)
@specialized(where T == Double)
private func gemm<T: Scalar>(
  _: T.Type, _ kernels: GemmKernels, _ m: Int, _ n: Int, _ k: Int, _ a: MatrixView, _ b: MatrixView,
  _ c: UnsafeMutableRawPointer, _ accumulate: Bool, _ finish: GemmFinish, shared: Bool, row: Int
) {
  let (first, second) = (
    a.pointer.assumingMemoryBound(to: T.self), b.pointer.assumingMemoryBound(to: T.self)
  )
  let c = c.assumingMemoryBound(to: T.self)
  if row == n, a.column == 1, a.row == k, b.row == 1, b.column == k, DotGemm<T>.takes(m, n, k) {
    DotGemm(
      kernels: kernels, m: m, n: n, k: k, a: first, b: second, c: c, accumulate: accumulate,
      bias: finish.bias?.assumingMemoryBound(to: T.self)
    ).run(shared: shared)
    finishRows(T.self, GemmFinish(watch: finish.watch), c, m, n)
    return
  }
  BlockedGemm(
    kernels: kernels, m: m, n: n, k: k,
    a: .init(pointer: first, row: a.row, column: a.column),
    b: .init(pointer: second, row: b.row, column: b.column),
    c: c, cRow: row, accumulate: accumulate, finish: finish
  ).run(shared: shared)
}

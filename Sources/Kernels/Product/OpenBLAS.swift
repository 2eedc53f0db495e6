import COpenBLAS
import Vocabulary

/// OpenBLAS runs on our own threads, one call per block of the result; it must not start threads itself.
private let singleThreadedBLAS: Void = openblas_set_num_threads(1)

/// The product by OpenBLAS, on blocks of the result that depend on the shape alone; no size is 0.
func gemmByBLAS<T: Scalar>(
  _: T.Type, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ a: UnsafeRawPointer,
  _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer, _ accumulate: Bool, shared: Bool
) {
  _ = singleThreadedBLAS
  let size = MemoryLayout<T>.stride
  let lda = transposeA ? m : k
  let ldb = transposeB ? k : n
  let byRows = m >= n
  let extent = byRows ? m : n
  let blocks = shared && m * n * k > 1 << 18 ? min(8, max(1, extent / 32)) : 1
  if blocks == 1 {
    blasCall(T.dtype, transposeA, transposeB, m, n, k, a, lda, b, ldb, c, n, accumulate)
    return
  }
  ThreadPool.shared.run(blocks) { block in
    let low = extent * block / blocks
    let high = extent * (block + 1) / blocks
    if byRows {
      blasCall(
        T.dtype, transposeA, transposeB, high - low, n, k, a + (transposeA ? low : low * lda) * size, lda, b,
        ldb,
        c + low * n * size, n, accumulate)
    } else {
      blasCall(
        T.dtype, transposeA, transposeB, m, high - low, k, a, lda, b + (transposeB ? low * ldb : low) * size,
        ldb,
        c + low * size, n, accumulate)
    }
  }
}

private func blasCall(
  _ dtype: DType, _ ta: Bool, _ tb: Bool, _ m: Int, _ n: Int, _ k: Int, _ a: UnsafeRawPointer, _ lda: Int,
  _ b: UnsafeRawPointer, _ ldb: Int, _ c: UnsafeMutableRawPointer, _ ldc: Int, _ accumulate: Bool
) {
  let (m, n, k) = (blasint(m), blasint(n), blasint(k))
  let (lda, ldb, ldc) = (blasint(lda), blasint(ldb), blasint(ldc))
  let opA = ta ? CblasTrans : CblasNoTrans
  let opB = tb ? CblasTrans : CblasNoTrans
  if dtype == .float64 {
    cblas_dgemm(
      CblasRowMajor, opA, opB, m, n, k, 1, a.assumingMemoryBound(to: Double.self), lda,
      b.assumingMemoryBound(to: Double.self), ldb, accumulate ? 1 : 0, c.assumingMemoryBound(to: Double.self),
      ldc)
  } else {
    cblas_sgemm(
      CblasRowMajor, opA, opB, m, n, k, 1, a.assumingMemoryBound(to: Float.self), lda,
      b.assumingMemoryBound(to: Float.self), ldb, accumulate ? 1 : 0, c.assumingMemoryBound(to: Float.self),
      ldc)
  }
}

/// The BLAS in use and the processor core its kernels were chosen for.
public func blasDescription() -> (library: String, core: String) {
  (String(cString: openblas_get_config()), String(cString: openblas_get_corename()))
}

import COpenBLAS
import CVector
import Synchronization
import Vocabulary

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// OpenBLAS runs on our own threads, one call per block of the result; it must not start threads itself.
private let singleThreadedBLAS: Void = openblas_set_num_threads(1)

/// The product by OpenBLAS, on blocks of the result that depend on the shape alone; no size is 0.
func gemmByBLAS<T: Scalar>(
  _: T.Type, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ a: UnsafeRawPointer,
  _ b: UnsafeRawPointer, _ c: UnsafeMutableRawPointer, _ accumulate: Bool, shared: Bool
) {
  gemmByBLAS(
    T.self, m, n, k, MatrixView(a, row: transposeA ? 1 : k, column: transposeA ? m : 1),
    MatrixView(b, row: transposeB ? 1 : n, column: transposeB ? k : 1), c, accumulate, shared: shared, row: n)
}

func gemmByBLAS<T: Scalar>(
  _: T.Type, _ m: Int, _ n: Int, _ k: Int, _ first: MatrixView, _ second: MatrixView,
  _ c: UnsafeMutableRawPointer, _ accumulate: Bool, shared: Bool, row: Int
) {
  _ = singleThreadedBLAS
  let size = MemoryLayout<T>.stride
  let (a, b) = (first.pointer, second.pointer)
  let (transposeA, transposeB) = (first.column != 1, second.column != 1)
  // Of a single row or column the stride counts for nothing, but is looked at.
  let lda = max(transposeA ? first.column : first.row, transposeA ? m : k)
  let ldb = max(transposeB ? second.column : second.row, transposeB ? k : n)
  let byRows = m >= n
  let extent = byRows ? m : n
  let blocks = shared && m * n * k > 1 << 18 ? min(8, max(1, extent / 32)) : 1
  guard BLASBuffers.shared.provide(blocks == 1 ? 1 : min(blocks, ThreadPool.shared.threads)) else {
    return Refusal.note()
  }
  if blocks == 1 {
    blasCall(T.dtype, transposeA, transposeB, m, n, k, a, lda, b, ldb, c, row, accumulate)
    return
  }
  ThreadPool.shared.run(blocks) { block in
    let low = extent * block / blocks
    let high = extent * (block + 1) / blocks
    if byRows {
      blasCall(
        T.dtype, transposeA, transposeB, high - low, n, k, a + (transposeA ? low : low * lda) * size, lda, b,
        ldb,
        c + low * row * size, row, accumulate)
    } else {
      blasCall(
        T.dtype, transposeA, transposeB, m, high - low, k, a, lda, b + (transposeB ? low * ldb : low) * size,
        ldb,
        c + low * size, row, accumulate)
    }
  }
}

/// The buffers of OpenBLAS. It takes one for every call that runs at a time, keeps it for later calls, and where the
/// system refuses one, asks for ever. So they are taken when it is known that there is room, and calls beyond those that
/// there are wait for others to end, which none of them can hinder.
private final class BLASBuffers: @unchecked Sendable {
  static let shared = BLASBuffers()
  /// Of version 0.3, and room for what is asked for beside it.
  private static let size = (128 << 20) + (1 << 20)

  private let known = Atomic<Int>(0)
  private let running = Atomic<Int>(0)
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let take: (@convention(c) (Int32) -> UnsafeMutableRawPointer?)?
  private let give: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?

  private init() {
    func symbol<Function>(_ name: String, _: Function.Type) -> Function? {
      dlsym(nil, name).map { unsafeBitCast($0, to: Function.self) }
    }
    take = symbol("blas_memory_alloc", (@convention(c) (Int32) -> UnsafeMutableRawPointer?).self)
    give = symbol("blas_memory_free", (@convention(c) (UnsafeMutableRawPointer?) -> Void).self)
    pthread_mutex_init(mutex, nil)
    pthread_atfork(
      { pthread_mutex_lock(BLASBuffers.shared.mutex) }, { pthread_mutex_unlock(BLASBuffers.shared.mutex) },
      {
        BLASBuffers.shared.running.store(0, ordering: .relaxed)
        pthread_mutex_unlock(BLASBuffers.shared.mutex)
      })
  }

  /// Up to `wanted` buffers; whether there is one at least.
  func provide(_ wanted: Int) -> Bool {
    if cv_refuses() { return false }
    if known.load(ordering: .acquiring) >= wanted { return true }
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    var taken: [UnsafeMutableRawPointer?] = []
    while taken.count < wanted, isRoom() { taken.append(take?(0)) }
    for buffer in taken { give?(buffer) }
    if taken.count > known.load(ordering: .relaxed) { known.store(taken.count, ordering: .releasing) }
    return known.load(ordering: .relaxed) > 0
  }

  private func isRoom() -> Bool {
    let memory = mmap(nil, BLASBuffers.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard memory != MAP_FAILED else { return false }
    munmap(memory, BLASBuffers.size)
    return true
  }

  func enter() {
    while true {
      let now = running.load(ordering: .relaxed)
      if now < known.load(ordering: .acquiring),
        running.compareExchange(expected: now, desired: now + 1, ordering: .acquiring).exchanged
      {
        return
      }
      if now >= known.load(ordering: .relaxed) { sched_yield() }
    }
  }

  func leave() { running.subtract(1, ordering: .releasing) }
}

private func blasCall(
  _ dtype: DType, _ ta: Bool, _ tb: Bool, _ m: Int, _ n: Int, _ k: Int, _ a: UnsafeRawPointer, _ lda: Int,
  _ b: UnsafeRawPointer, _ ldb: Int, _ c: UnsafeMutableRawPointer, _ ldc: Int, _ accumulate: Bool
) {
  let (m, n, k) = (blasint(m), blasint(n), blasint(k))
  let (lda, ldb, ldc) = (blasint(lda), blasint(ldb), blasint(ldc))
  let opA = ta ? CblasTrans : CblasNoTrans
  let opB = tb ? CblasTrans : CblasNoTrans
  BLASBuffers.shared.enter()
  defer { BLASBuffers.shared.leave() }
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

/// What is amiss with that core: OpenBLAS runs older kernels on a processor that it does not know, or is told to.
public func blasComplaint() -> String? {
  let wide = cv_supports_v4() != 0
  return blasComplaint(core: blasDescription().core, wide: wide)
}

/// `wide`: whether the processor has AVX-512; AVX2 is in all that this library runs on.
func blasComplaint(core: String, wide: Bool) -> String? {
  #if arch(x86_64)
    let known = core.lowercased()
    let has512 = ["skylakex", "cooperlake", "sapphirerapids"].contains(known)
    let has256 = has512 || ["haswell", "zen"].contains(known)
    if has512 || has256 && !wide { return nil }
    return "OpenBLAS runs its kernels for \(core), whose vectors are narrower than this processor's "
      + (wide ? "(AVX-512)" : "(AVX2)") + "; lrswift's own products do not"
  #else
    return nil
  #endif
}

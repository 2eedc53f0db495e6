import CVector
import Vocabulary

/// How long kernels take by themselves, for benchmarks: wall time, or processor time for a crowded machine.
public enum Measure {
  public struct Result {
    public let seconds: Double
    /// Additions and multiplications, or bytes.
    public let operations: Double
  }

  public static var gemmNames: [String] { GemmChoice.names }

  /// Multiply-adds from registers on every thread at once: what the processor can do at best.
  public static func multiplyAdds(rounds: Int, dtype: DType = .float32, processor: Bool = false) -> Result {
    let now = processor ? cv_processor_seconds : cv_seconds
    let kernels = GemmKernels.all(dtype).last!
    let threads = ThreadPool.shared.threads
    var operations = 0
    let start = now()
    ThreadPool.shared.run(threads) { index in
      var (single, double): (Float, Double) = (1, 1)
      let own =
        dtype == .float64
        ? kernels.multiplyAddLoop(rounds, &double) : kernels.multiplyAddLoop(rounds, &single)
      if index == 0 { operations = own }
    }
    return Result(seconds: now() - start, operations: Double(operations * threads))
  }

  /// What memory gives: a <- a + s b ("update", three vectors of `count` float32), or c <- a + s b ("triad", three as STREAM
  /// counts them, though the processor reads c, too). `operations` are bytes.
  public static func stream(_ what: String, count: Int, repeats: Int, processor: Bool = false) throws
    -> Result
  {
    guard ["update", "triad"].contains(what) else {
      throw Failure.value("measure: stream must be one of update, triad, got '\(what)'")
    }
    guard (1...1 << 28).contains(count), repeats >= 1 else {
      throw Failure.value("measure: count must lie between 1 and \(1 << 28), and repeats be at least 1")
    }
    let (a, b) = (try Storage(zeroed: 4 * count), try Storage(zeroed: 4 * count))
    let c = what == "update" ? a : try Storage(zeroed: 4 * count)
    let now = processor ? cv_processor_seconds : cv_seconds
    let start = now()
    for _ in 0..<repeats { addScaled(Float.self, a.pointer, b.pointer, 0.5, c.pointer, count) }
    return Result(seconds: now() - start, operations: 12 * Double(count) * Double(repeats))
  }

  /// `repeats` products by the kernels of this name.
  public static func gemm(
    _ name: String, transposeA: Bool, transposeB: Bool, m: Int, n: Int, k: Int, accumulate: Bool,
    repeats: Int,
    dtype: DType = .float32, processor: Bool = false
  ) throws -> Result {
    guard let choice = GemmChoice.named(name) else {
      throw Failure.value(
        "measure: kernels must be one of \(gemmNames.joined(separator: ", ")), got '\(name)'")
    }
    guard min(m, n, k, repeats) >= 1, max(m, n, k) <= 1 << 16 else {
      throw Failure.value("measure: sizes and repeats must lie between 1 and 65536")
    }
    return try dtype == .float64
      ? gemm(Double.self, choice, transposeA, transposeB, m, n, k, accumulate, repeats, processor)
      : gemm(Float.self, choice, transposeA, transposeB, m, n, k, accumulate, repeats, processor)
  }

  private static func gemm<T: Scalar>(
    _: T.Type, _ choice: GemmChoice, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int,
    _ accumulate: Bool, _ repeats: Int, _ processor: Bool
  ) throws -> Result {
    let size = MemoryLayout<T>.size
    let (a, b) = (try Storage(byteCount: m * k * size), try Storage(byteCount: k * n * size))
    let c = try Storage(zeroed: m * n * size)
    fill(T.self, a.pointer, m * k, 0.5)
    let now = processor ? cv_processor_seconds : cv_seconds
    fill(T.self, b.pointer, k * n, 0.25)
    let start = now()
    for _ in 0..<repeats {
      if let kernels = choice.kernels(T.dtype) {
        Kernels.gemm(
          kernels, transposeA, transposeB, m, n, k, a.pointer, b.pointer, c.pointer, accumulate, shared: true)
      } else {
        gemmByBLAS(
          T.self, transposeA, transposeB, m, n, k, a.pointer, b.pointer, c.pointer, accumulate, shared: true)
      }
    }
    try Refusal.check()
    let operations = 2 * Double(m) * Double(n) * Double(k) * Double(repeats)
    return Result(seconds: now() - start, operations: operations)
  }
}

import Vocabulary
import XCTest

@testable import Kernels

final class MeasureTests: XCTestCase {
  func testOperationsAreCounted() throws {
    for dtype in [DType.float32, .float64] {
      for name in Measure.gemmNames {
        let result = try Measure.gemm(
          name, transposeA: true, transposeB: false, m: 3, n: 4, k: 5, accumulate: true, repeats: 2,
          dtype: dtype)
        XCTAssertEqual(result.operations, 240)
        XCTAssertGreaterThan(result.seconds, 0)
      }
      let adds = Measure.multiplyAdds(rounds: 10, dtype: dtype)
      let width = GemmKernels.all(dtype).last!.width
      XCTAssertEqual(adds.operations, Double(10 * 2 * 12 * width * ThreadPool.shared.threads))
    }
  }

  func testBytesAreCounted() throws {
    for kind in ["update", "triad"] {
      let result = try Measure.stream(kind, count: 1000, repeats: 3)
      XCTAssertEqual(result.operations, 36_000)
      XCTAssertGreaterThan(result.seconds, 0)
    }
  }

  func testArgumentsAreChecked() {
    for (kind, count, repeats) in [("copy", 1, 1), ("triad", 0, 1), ("triad", 1, 0), ("update", 1 << 29, 1)] {
      XCTAssertThrowsError(try Measure.stream(kind, count: count, repeats: repeats))
    }
    for (name, m, repeats) in [
      ("mkl", 1, 1), ("openblas", 0, 1), ("openblas", 1, 0), ("openblas", 1 << 17, 1),
    ] {
      XCTAssertThrowsError(
        try Measure.gemm(
          name, transposeA: false, transposeB: false, m: m, n: 1, k: 1, accumulate: false, repeats: repeats))
    }
  }
}

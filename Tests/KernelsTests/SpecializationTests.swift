import XCTest

@testable import Kernels

/// A loop that falls back to unspecialised generics runs hundreds of times slower. In an optimised build this catches
/// it the day it returns; the checked build compares with a copy that is slow in the same way.
final class SpecializationTests: XCTestCase {
  func testElementLoopsKeepUpWithCopying() {
    let n = 1 << 16
    let x = try! Storage(zeroed: 4 * n)
    let y = try! Storage(zeroed: 4 * n)
    let relu = PointwiseCatalogue.functions.first { $0.name == "relu" }!.kernels(.float32)
    let copying = median { y.copyContents(from: x) }
    let loop = median { relu.value(x.pointer, y.pointer, n, PointwiseParameters()) }
    #if DEBUG
      let allowed = 20_000.0
    #else
      let allowed = 20.0
    #endif
    XCTAssertLessThan(loop / copying, allowed)
  }

  private func median(_ body: () -> Void) -> Double {
    let clock = ContinuousClock()
    let times = (0..<31).map { _ in
      let d = clock.measure(body)
      return Double(d.components.attoseconds) * 1e-18 + Double(d.components.seconds)
    }
    return times.sorted()[15]
  }
}

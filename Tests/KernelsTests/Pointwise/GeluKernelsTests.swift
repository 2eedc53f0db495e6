import TestSupport
import XCTest

@testable import Kernels

final class GeluKernelsTests: XCTestCase {
  /// Beside the function's own lane arithmetic, bit for bit, also where something is not finite or below the normal range.
  func testEveryWidthGivesTheSameBits() {
    var numbers = Numbers(seed: 4)
    let edges = [
      0, -0.0, 1, -1, 0.949, 0.951, 1.34, -1.34, 4, -4, 5.6569, 13, -13, 14.3, -14.4, 20, -20, 1e-30, -1e-40,
      1e30,
      -1e30, .infinity, -.infinity, .nan,
    ]
    let x = (numbers.array(488).map { 6 * $0 } + edges).map { Float($0) }
    XCTAssertEqual(x.count % 16, 0)
    let v = numbers.array(x.count).map { Float($0) }
    let before = numbers.array(x.count).map { Float($0) }
    let none = PointwiseParameters()
    var (y, slopes) = (x, before)
    pointwiseValue(Gelu.self, x, &y, 0, x.count, none)
    pointwiseFirst(Gelu.self, x, y, v, &slopes, 0, x.count, true, none)
    for kernels in GeluKernels.all {
      var (found, added, alone) = (x, before, x)
      kernels.values(x, &found, x.count)
      kernels.slopes(x, v, &added, x.count, true)
      kernels.slopes(x, v, &alone, x.count, false)
      for i in x.indices {
        XCTAssertTrue(found[i].bitPattern == y[i].bitPattern || found[i].isNaN && y[i].isNaN, "\(x[i])")
        XCTAssertTrue(
          added[i].bitPattern == slopes[i].bitPattern || added[i].isNaN && slopes[i].isNaN, "\(x[i])")
        XCTAssertTrue(before[i] + alone[i] == added[i] || added[i].isNaN, "\(x[i])")
      }
    }
  }
}

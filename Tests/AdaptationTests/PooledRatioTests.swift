import XCTest

@testable import Adaptation

final class PooledRatioTests: XCTestCase {
  private func ratio(_ values: [Double]) -> PooledRatio {
    values.reduce(into: PooledRatio()) { $0.observe($1) }
  }

  /// Weights 0.81, 0.9, 1 over 2.71: mean 7.41 / 2.71, and the variance divided by 1 minus the sum of squared weights.
  func testMeanAndVarianceByHand() {
    let r = ratio([1, 4, 3])
    let mean = (0.81 * 1 + 0.9 * 4 + 3) / 2.71
    let spread =
      (0.81 * (1 - mean) * (1 - mean) + 0.9 * (4 - mean) * (4 - mean) + (3 - mean) * (3 - mean)) / 2.71
    XCTAssertEqual(r.mean, mean, accuracy: 1e-14)
    XCTAssertEqual(r.variance!, spread / (1 - (0.6561 + 0.81 + 1) / (2.71 * 2.71)), accuracy: 1e-13)
    XCTAssertNil(ratio([5]).variance)
    XCTAssertNil(ratio([]).variance)
  }

  /// Steady ratios are taken as they are; what scatters around 0 is ignored, and so is what is not yet known.
  func testFactors() {
    let steady = ratio([2, 2, 2]), scattered = ratio([1, -1, 1, -1, 1, -1]), new = ratio([3])
    let factors = PooledRatio.factors([steady, scattered, new])
    XCTAssertEqual(factors[0], exp(2), accuracy: 1e-12)
    XCTAssertEqual(factors[1], exp(2 / (2 + scattered.variance!) * scattered.mean), accuracy: 1e-12)
    XCTAssertEqual(factors[2], 1)
    XCTAssertEqual(PooledRatio.factors([scattered, new]), [1, 1])
    XCTAssertEqual(PooledRatio.factors([ratio([0, 0])]), [1])
    XCTAssertEqual(PooledRatio.factors([]), [])
  }

  func testStateIsAll() {
    let r = ratio([1, 4, 3])
    var copy = PooledRatio()
    copy.restore(Dictionary(uniqueKeysWithValues: r.state.map { ($0.name, $0.value) }))
    XCTAssertEqual([copy.mean, copy.variance], [r.mean, r.variance])
  }
}

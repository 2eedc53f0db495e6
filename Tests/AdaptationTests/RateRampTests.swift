import XCTest

@testable import Adaptation

final class RateRampTests: XCTestCase {
  /// A loss and cosines as functions of the rate of the step before.
  private func result(
    length: Int = 41, start: Double = 1e-4, loss: (Double) -> Double, cosine: (Double) -> Double
  ) -> (RateRamp, Int) {
    var ramp = RateRamp(start: start, length: length)
    var (rate, steps) = (0.0, 0)
    while ramp.observe(loss: loss(rate), cosine: rate == 0 ? .nan : cosine(rate)) {
      rate = ramp.rate
      steps += 1
    }
    return (ramp, steps)
  }

  func testRatesGrowByTheSameFactorOverFourDecades() {
    var ramp = RateRamp(start: 1e-4, length: 5)
    var rates: [Double] = []
    while ramp.observe(loss: 1, cosine: 1) { rates.append(ramp.rate) }
    XCTAssertEqual(rates.count, 4)
    for (rate, wanted) in zip(rates, [1e-4, 1e-3, 1e-2, 1e-1]) {
      XCTAssertEqual(rate / wanted, 1, accuracy: 1e-12)
    }
  }

  /// The cosine of a step of length rate along a parabola whose bottom is at 1e-2 is 1 - rate / 1e-2.
  func testFindsWhereTheDerivativeTurns() {
    let (ramp, steps) = result(loss: { 1 + ($0 > 1e-2 ? $0 : 0) }) { 1 - $0 / 1e-2 }
    XCTAssertEqual(ramp.result / 1e-2, 1, accuracy: 0.3)
    XCTAssertLessThan(steps, 40)
    XCTAssertFalse(ramp.beganTooHigh)
  }

  func testNoiseInSingleCosinesDoesNotMatter() {
    var sign = 1.0
    let (ramp, _) = result(loss: { 1 + ($0 > 1e-2 ? $0 : 0) }) {
      sign = -sign
      return ($0 < 1e-2 ? 0.6 : -0.6) + 0.7 * sign
    }
    XCTAssertEqual(ramp.result / 1e-2, 1, accuracy: 0.6)
  }

  /// The derivative turns early, and the loss goes on falling up to 0.1: a third of that rate.
  func testTheLeastLossSpeaksAgainstAnEarlyTurn() {
    let (ramp, _) = result(loss: { $0 <= 0.1 ? 2 - 10 * $0 : 3 }) { $0 < 1e-3 ? 1 : -0.5 }
    XCTAssertEqual(ramp.result / 0.1 * 3, 1, accuracy: 0.5)
  }

  func testExplosionsAndWhatIsNotFiniteEndIt() {
    for bad in [100, .infinity, -.infinity, Double.nan] {
      let (ramp, steps) = result(loss: { $0 < 1e-2 ? 1 - $0 : bad }) { _ in 1 }
      XCTAssertEqual(steps, 21, "\(bad)")
      XCTAssertGreaterThan(ramp.result, 1e-3)
      XCTAssertLessThanOrEqual(ramp.result, 1.3e-2)
    }
  }

  func testARampThatBeginsTooHighSaysSo() {
    XCTAssertTrue(result(start: 1, loss: { $0 == 0 ? 1 : 50 }) { _ in -1 }.0.beganTooHigh)
  }

  func testGoesOnFromItsState() throws {
    var ramp = RateRamp(start: 1e-3, length: 30)
    for i in 0..<7 { XCTAssertTrue(ramp.observe(loss: 2 - 0.1 * Double(i), cosine: i == 0 ? .nan : 0.5)) }
    let state = Dictionary(uniqueKeysWithValues: ramp.state.map { ($0.name, $0.value) })
    var other = try XCTUnwrap(RateRamp(state))
    for i in 0..<30 {
      let (loss, cosine) = (1 + 0.2 * Double(i), 0.5 - 0.1 * Double(i))
      let goesOn = ramp.observe(loss: loss, cosine: cosine)
      XCTAssertEqual(other.observe(loss: loss, cosine: cosine), goesOn)
      XCTAssertEqual(other.rate, ramp.rate)
      if !goesOn { break }
    }
    XCTAssertEqual(other.result, ramp.result)
    XCTAssertNil(RateRamp(["start": .nan, "length": .nan]))
  }
}

import Vocabulary
import XCTest

@testable import Adaptation

final class PeriodicALRSTests: XCTestCase {
  private func make(_ numbers: [String: Double], _ limits: RateLimits? = nil) throws -> PeriodicALRS {
    let arguments = Attributes("PeriodicALRS", numbers: numbers)
    return try PeriodicALRS(PeriodicALRS.card.read(arguments), limits: limits ?? RateLimits())
  }

  func testWithoutASearchThereIsNoRate() throws {
    var machine = try make([:])
    XCTAssertThrowsError(try machine.check(loss: 1)) { error in
      XCTAssertEqual((error as? Failure)?.kind, .type)
      XCTAssertTrue("\(error)".contains("search("), "\(error)")
    }
    XCTAssertEqual(machine.decide(StepView(loss: 1)), .stay)
    XCTAssertEqual(machine.currentRate, 0)
  }

  func testTheRateIsTheFractionOfWhatWasFoundWithinTheLimits() throws {
    var machine = try make(["initial": 0.25, "fraction": 0.5], RateLimits(low: 0.01, high: 1))
    try machine.check(loss: 1)
    XCTAssertEqual(machine.decide(StepView(loss: 1)), .take(0.25))
    for (found, rate) in [(0.5, 0.25), (8.0, 1.0), (1e-5, 0.01)] {
      try machine.set(found: found)
      XCTAssertEqual(machine.decide(StepView(loss: 1)), .take(rate))
      XCTAssertEqual(machine.found, found)
    }
  }

  func testARefusedValueChangesNothing() throws {
    var machine = try make(["initial": 0.25])
    for value in [0, -1, .nan, .infinity] {
      XCTAssertThrowsError(try machine.set(found: value)) {
        XCTAssertTrue("\($0)".contains("found"), "\($0)")
      }
    }
    XCTAssertEqual(machine.decide(StepView(loss: 1)), .take(0.25))
    XCTAssertTrue(machine.found.isNaN)
  }
}

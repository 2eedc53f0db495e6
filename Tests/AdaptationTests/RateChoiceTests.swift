import Vocabulary
import XCTest

@testable import Adaptation

final class RateChoiceTests: XCTestCase {
  private func choice(_ name: String, _ numbers: [String: Double] = [:]) throws -> RateChoice {
    try RateChoice(name, Attributes(name, numbers: numbers))
  }

  func testCommonArgumentsAreReadBesideTheMethodsOwn() throws {
    let tlr = try choice(
      "tlr", ["initial": 0.5, "per": 2, "min_lr": 0.1, "max_lr": 0.3, "steps_per_epoch": 30])
    XCTAssertEqual(tlr.scope, .tensor)
    XCTAssertEqual(tlr.stepsPerEpoch, 30)
    XCTAssertEqual(tlr.limits.clamp(tlr.initialRate), 0.3)
    XCTAssertEqual(try tlr.windowLength(stepsPerEpoch: tlr.stepsPerEpoch), 10)
    XCTAssertEqual(try choice("hd").limits.low, -.infinity)
  }

  func testWordsSayWhoSharesARate() throws {
    for scope in Scope.allCases {
      let given = Attributes("TLR", ["per": .text("\(scope)")])
      XCTAssertEqual(try RateChoice("tlr", given).scope, scope)
    }
    XCTAssertThrowsError(try RateChoice("tlr", Attributes("TLR", ["per": .text("layer")]))) { error in
      XCTAssertEqual("\(error)", "TLR: per must be 'all', 'group', 'tensor' or 'pooled', got 'layer'")
    }
  }

  /// What every rate takes, the length of an epoch where it counts in epochs and its card does not list it, and whether
  /// decay belongs to the loss where it sees one.
  func testCommonArguments() {
    func names(_ type: any RateMachine.Type) -> [String] { RateChoice.common(type).map(\.name) }
    XCTAssertEqual(names(TLR.self), ["min_lr", "max_lr"])
    XCTAssertEqual(names(L4.self), ["min_lr", "max_lr", "decay_in_loss"])
    XCTAssertEqual(names(SLS.self), ["min_lr", "max_lr", "decay_in_loss"])
    XCTAssertEqual(names(SPS.self), ["min_lr", "max_lr", "steps_per_epoch", "decay_in_loss"])
    XCTAssertEqual(names(MoMo.self).contains("decay_in_loss"), false)
    XCTAssertEqual(RateChoice.common(HD.self).map(\.default), [-.infinity, .infinity])
  }

  func testAWindowNeedsALength() throws {
    XCTAssertThrowsError(try choice("tlr").windowLength(stepsPerEpoch: 0))
    XCTAssertEqual(try choice("tlr", ["window_steps": 7]).windowLength(stepsPerEpoch: 0), 7)
    XCTAssertEqual(try choice("tlr", ["window": 0.001]).windowLength(stepsPerEpoch: 30), 1)
    for (kept, least) in [(0.9, 30), (0.95, 60), (0.5, 6), (0, 1), (1, 1)] {
      XCTAssertEqual(try choice("tlr").windowLength(stepsPerEpoch: 3, kept: kept), least)
      XCTAssertEqual(try choice("tlr").windowLength(stepsPerEpoch: 900, kept: kept), 300)
      XCTAssertEqual(try choice("tlr", ["window_steps": 7]).windowLength(stepsPerEpoch: 3, kept: kept), 7)
    }
  }

  func testRefusals() {
    XCTAssertThrowsError(try choice("nothing"))
    XCTAssertThrowsError(try choice("l4", ["apha": 0.1]))
    XCTAssertThrowsError(try choice("l4", ["per": 4]))
    XCTAssertThrowsError(try choice("l4", ["steps_per_epoch": 0.5]))
    XCTAssertThrowsError(try choice("l4", ["min_lr": 2, "max_lr": 1]))
    XCTAssertThrowsError(try choice("qlabgrad", ["per": 2]), "one step for all")
  }
}

import Autodiff
import TestSupport
import Vocabulary
import XCTest

@testable import Training

final class EpisodeCostTests: XCTestCase {
  private func chosen(_ extra: [String: Attributes.Value] = [:]) throws -> EpisodeCost.Prediction {
    let x = Tensor([3], [1, 2, 3], requiresGrad: true)
    let own: [String: Attributes.Value] = [
      "optimizer": .text("sgd"), "mode": .text("auto"), "steps": .numbers([12]),
      "learning_rates": .numbers([0.1, 0.2, 0.3]), "momentums": .numbers([0.9]),
    ]
    return try EpisodeCost(EpisodeSettings(Attributes("test", own.merging(extra) { $1 })), [x]).chosen
  }

  /// Windows of four steps each: the rates are in use 12, 8 and 4 steps, the momentum 12.
  func testColumnsCostFromTheirFirstStepOn() throws {
    let found = try chosen(["mode": .text("forward")])
    XCTAssertEqual(found.cost, 1 + 1.6 * (12 + 8 + 4 + 12) / 12, accuracy: 1e-12)
    XCTAssertNil(found.plan)
    XCTAssertEqual(
      try chosen(["mode": .text("forward"), "columns": .numbers([2])]).cost, 1 + 1.6 * 4 / 12, accuracy: 1e-12
    )
  }

  /// Horizons end after 5, 10 and 12 steps: the columns of rates are in use from 0 to 5, 4 to 10 and 8 to 12.
  func testColumnsEndWithAHorizon() throws {
    let found = try chosen(["mode": .text("forward"), "horizon": .numbers([5])])
    XCTAssertEqual(found.cost, 1 + 1.6 * (5 + 6 + 4 + 12) / 12, accuracy: 1e-12)
  }

  func testReplaysCostAPlainStepEach() throws {
    let size = 3.0 * 2 * 8
    for snapshots in [3, 4, 12] {
      let found = try chosen(["mode": .text("reverse"), "memory": .numbers([Double(snapshots) * size])])
      XCTAssertEqual(found.replays, ReplayPlan(snapshots: snapshots).replays(12))
      XCTAssertEqual(found.cost, 3.9 + Double(found.replays) / 12, accuracy: 1e-12)
    }
  }

  func testTheCheaperModeIsChosen() throws {
    XCTAssertEqual(try chosen().mode, .reverse)
    XCTAssertEqual(try chosen(["columns": .numbers([2])]).mode, .forward)
    // reverse mode has no such products, and no room
    XCTAssertEqual(try chosen(["clip_hvp": .numbers([1])]).mode, .forward)
    XCTAssertEqual(try chosen(["memory": .numbers([10])]).mode, .forward)
  }

  func testNothingToDifferentiateByIsTraining() throws {
    for mode in ["auto", "forward", "reverse"] {
      let found = try chosen(["mode": .text(mode), "columns": .numbers([])])
      XCTAssertEqual(found.mode, .plain)
      XCTAssertEqual(found.cost, 1)
    }
  }
}

import Vocabulary
import XCTest

@testable import Adaptation

final class ScheduleLearnerTests: XCTestCase {
  private func make(
    _ update: String, initial: [Double], steps: [Double], counts: [Double], windows: [Double]? = nil,
    _ more: [String: [Double]] = [:]
  ) throws -> ScheduleLearner {
    var values: [String: Attributes.Value] = [
      "update": .text(update), "initial": .numbers(initial), "step_size": .numbers(steps),
      "counts": .numbers(counts), "windows": .numbers(windows ?? initial.map { _ in 1 }),
    ]
    for (key, numbers) in more { values[key] = .numbers(numbers) }
    return try ScheduleLearner(Attributes("learn_schedule", values))
  }

  /// Every update walks to the minimum of (x - 3)^2 + (y + 0.2)^2, whose hypergradients have no noise.
  func testFindsTheMinimumOfAParabola() throws {
    for update in ["gated", "sign", "gradient"] {
      var learner = try make(update, initial: [0, 0], steps: [0.4, 0.4], counts: [1, 0, 1])
      for _ in 0..<60 {
        let (x, y) = (learner.values[0], learner.values[1])
        let loss = (x - 3) * (x - 3) + (y + 0.2) * (y + 0.2)
        let h = [2 * (x - 3), 2 * (y + 0.2)]
        try learner.observe(losses: [loss, loss], hypergradients: h + h)
      }
      XCTAssertEqual(learner.bestValues[0], 3, accuracy: 0.02, update)
      XCTAssertEqual(learner.bestValues[1], -0.2, accuracy: 0.02, update)
      XCTAssertLessThan(learner.bestLoss, 1e-3, update)
    }
  }

  func testGradientStepsDivideByTheWindow() throws {
    var learner = try make(
      "gradient", initial: [1, 1], steps: [0.1, 0.1], counts: [2, 0, 0], windows: [1, 50])
    try learner.observe(losses: [1], hypergradients: [2, 2])
    XCTAssertEqual(learner.values[0], 0.8, accuracy: 1e-15)
    XCTAssertEqual(learner.values[1], 1 - 0.1 * 2 / 50, accuracy: 1e-15)
  }

  func testAShorterRunIsComparedWithNone() throws {
    var learner = try make("gated", initial: [0], steps: [0.1], counts: [1, 0, 0])
    try learner.observe(losses: [0.1], hypergradients: [-1], whole: false)
    XCTAssertEqual(learner.bestLoss, .infinity)
    try learner.observe(losses: [2], hypergradients: [-1])
    XCTAssertEqual(learner.bestLoss, 2)
    XCTAssertEqual(learner.bestValues, [0.1])
  }

  func testMomentumStaysBelowItsCap() throws {
    var learner = try make("gated", initial: [0.1, 0.9], steps: [0.01, 0.15], counts: [1, 1, 0])
    for _ in 0..<3 { try learner.observe(losses: [1, 1], hypergradients: [0, -1, 0, -1]) }
    XCTAssertEqual(learner.values[1], 0.97)
  }

  func testARelapseGoesHalfwayBack() throws {
    var learner = try make("gated", initial: [0.1], steps: [0.1], counts: [1, 0, 0])
    try learner.observe(losses: [2], hypergradients: [-1])
    try learner.observe(losses: [1], hypergradients: [-1])
    XCTAssertEqual(learner.values[0], 0.3, accuracy: 1e-15)
    try learner.observe(losses: [1.5], hypergradients: [-1])
    XCTAssertEqual(learner.values[0], 0.25, accuracy: 1e-15)
    XCTAssertEqual(learner.steps[0], 0.05, accuracy: 1e-15)
    XCTAssertTrue(learner.retreated)
  }

  /// The average of a momentum may reach over 4 % of the run: 0.9 for 250 steps, 0.96 for 625.
  func testTradedMomentumKnowsTheRun() throws {
    for (steps, most) in [(250.0, 0.9), (625, 0.96)] {
      var learner = try make(
        "gated", initial: [0.1, 0.3, 0], steps: [0.1, 0.1, 0.1], counts: [2, 1, 0],
        windows: [steps / 2, steps / 2, steps])
      for _ in 0..<9 { try learner.observe(losses: [1], hypergradients: [0, 1e9, 0]) }
      XCTAssertEqual(learner.values[2], most, accuracy: 1e-12)
    }
  }

  /// A first window of 0.1 whose hypergradient explodes: halfway to the largest that follows, 0.4, and then the cut.
  func testGentleStartsAreRaised() throws {
    var learner = try make("gated", initial: [0.1, 0.3, 0.4], steps: [0.1, 0.1, 0.1], counts: [3, 0, 0])
    try learner.observe(losses: [1], hypergradients: [1e9, 0, 0])
    XCTAssertEqual(learner.values[0], 0.6 * 0.25, accuracy: 1e-15)
    XCTAssertEqual(learner.values[1], 0.6 * 0.3, accuracy: 1e-15)
    try learner.load(learner.state)
    try learner.observe(losses: [1], hypergradients: [.nan, 0, 0])
    XCTAssertEqual(learner.values[0], 0.36 * 0.25, accuracy: 1e-15)
  }

  func testWhatDoesNotFitIsRefused() throws {
    XCTAssertThrowsError(try make("newton", initial: [0], steps: [1], counts: [1, 0, 0]))
    XCTAssertThrowsError(try make("sign", initial: [0], steps: [1], counts: [0, 1, 0]))
    XCTAssertThrowsError(try make("sign", initial: [0], steps: [1], counts: [1, 0]))
    XCTAssertThrowsError(try make("sign", initial: [0, 0], steps: [1], counts: [1, 0, 0]))
    XCTAssertThrowsError(try make("sign", initial: [.nan], steps: [1], counts: [1, 0, 0]))
    XCTAssertThrowsError(try make("sign", initial: [0], steps: [0], counts: [1, 0, 0]))
    XCTAssertThrowsError(try make("sign", initial: [0], steps: [1], counts: [1, 0, 0], windows: [0.5]))
    XCTAssertThrowsError(try make("sign", initial: [0], steps: [1], counts: [1, 0, 0], ["step_decay": [0]]))
    XCTAssertThrowsError(
      try make("sign", initial: [0, 0, 0], steps: [1, 1, 1], counts: [3, 0, 0], ["layers": [2]]))
    XCTAssertThrowsError(try make("sign", initial: [0], steps: [1], counts: [1, 0, 0], ["layers": [0]]))
    var learner = try make("sign", initial: [0], steps: [1], counts: [1, 0, 0])
    XCTAssertThrowsError(try learner.observe(losses: [], hypergradients: []))
    XCTAssertThrowsError(try learner.observe(losses: [1], hypergradients: [1, 2]))
    XCTAssertThrowsError(try learner.load([1, 2]))
    XCTAssertEqual(learner.observed, 0)
    try learner.load(learner.state)
  }
}

import Adaptation
import TestSupport
import Vocabulary
import XCTest

@testable import Training

/// Rates that are whole methods: the pairs that exist, and what their step leaves behind.
final class OptimizerMethodTests: XCTestCase {
  private let methods = RateCatalogue.machines.compactMap { $0 as? any WholeMachine.Type }

  func testOtherDirectionsAreATypeError() throws {
    for method in methods {
      for direction in ["sgd", "ema", "adam", "adamw", "rmsprop", "adagrad", "adadelta"] {
        let make = { try makeOptimizer(direction, rate: method.card.name) }
        if method.directions.contains(direction) {
          XCTAssertNoThrow(try make())
        } else {
          expectFailure(.type, [method.card.title, "goes with"], make)
        }
      }
    }
    expectFailure(.type, ["YellowFin", "momentum must be 0"]) {
      try makeOptimizer("sgd", ["momentum": 0.5], rate: "yellowfin")
    }
    expectFailure(.type, ["DAdaptation", "nesterov must be 0"]) {
      try makeOptimizer("sgd", ["momentum": 0.5, "nesterov": 1], rate: "d_adaptation")
    }
    expectFailure(.value, ["Prodigy", "eps must be above 0"]) {
      try makeOptimizer("adam", ["epsilon": 0], rate: "prodigy")
    }
    expectFailure(.value, ["Prodigy", "per must be 'all'"]) {
      try makeOptimizer("adam", rate: "prodigy", ["per": 2])
    }
  }

  func testGroupsMayDifferInDecayOnly() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer("adam", rate: "prodigy")
    try optimizer.addGroup([problem.tensors[0]], names: ["a"], Attributes("group"))
    expectFailure(.value, ["beta1 of a group", "Prodigy"]) {
      try optimizer.addGroup(
        [problem.tensors[1]], names: ["b"], Attributes("group", numbers: ["beta1": 0.5]))
    }
    try optimizer.addGroup(
      [problem.tensors[1]], names: ["b"], Attributes("group", numbers: ["weight_decay": 0.5]))
    XCTAssertFalse(try problem.step(optimizer).skipped)
  }

  /// d of D-Adaptation after a few steps, from its formulas alone, over two tensors at once.
  func testOneDistanceForAllTensors() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, rate: "d_adaptation", ["d0": 0.1])
    let start = Array(problem.values.joined())
    var (x, s) = (start, start.map { _ in 0.0 })
    let h = Array(problem.curvatures.joined())
    var (d, numerator, first) = (0.1, 0.0, 0.0)
    for _ in 0..<12 {
      let g = zip(h, x).map(*)
      if first == 0 { first = dot(g, g).squareRoot() }
      numerator += d / first * dot(g, s)
      s = zip(s, g).map { $0 + d / first * $1 }
      XCTAssertEqual(try problem.step(optimizer).rate, d, accuracy: 1e-12)
      d = max(d, 2 * numerator / dot(s, s).squareRoot())
      x = zip(start, s).map(-)
      for (a, b) in zip(problem.values.joined(), x) { XCTAssertEqual(a, b, accuracy: 1e-12) }
    }
    XCTAssertGreaterThan(d, 0.2)
  }

  func testTheTwoPointsOfScheduleFree() throws {
    let problem = Quadratic(.float32)
    let optimizer = try makeOptimizer(for: problem, rate: "schedule_free", ["lr": 0.1])
    for _ in 0..<6 { try problem.step(optimizer) }
    let bytes = problem.bytes
    try optimizer.setProperty("evaluating", 1)
    XCTAssertNotEqual(problem.bytes, bytes)
    XCTAssertEqual(try optimizer.property("evaluating"), 1)
    let kept = Dictionary(uniqueKeysWithValues: try! optimizer.state.map { ($0.name, $0.value) })
    XCTAssertNotNil(kept["a.training_point"])
    expectFailure(.value, ["ScheduleFree", "train()"]) { try problem.step(optimizer) }
    try optimizer.setProperty("evaluating", 0)
    XCTAssertEqual(problem.bytes, bytes)
    XCTAssertFalse(try! optimizer.state.contains { $0.name == "a.training_point" })
    let other = try makeOptimizer(for: problem, rate: "l4")
    try other.setProperty("evaluating", 1)
    XCTAssertEqual(problem.bytes, bytes)
    XCTAssertEqual(try other.property("evaluating"), 0)
  }
}

import Adaptation
import Autodiff
import TestSupport
import XCTest

@testable import Training

final class OptimizerStateTests: XCTestCase {
  private let directions: [(String, [String: Double])] = [
    ("sgd", [:]), ("sgd", ["momentum": 0.9, "weight_decay": 0.01]), ("ema", [:]), ("adam", [:]),
  ]

  private func copy(_ problem: Quadratic) throws -> Quadratic {
    let other = Quadratic(problem.tensors[0].dtype)
    for (a, b) in zip(other.tensors, problem.tensors) { try a.assign(b) }
    return other
  }

  private func entries(_ optimizer: Optimizer) -> [String: Tensor] {
    Dictionary(uniqueKeysWithValues: optimizer.state.map { ($0.name, $0.value) })
  }

  /// A run that is saved in the middle of a window and resumed elsewhere goes on bit for bit.
  func testAResumedRunIsTheSameRun() throws {
    for (direction, arguments) in directions {
      for type in machines(for: direction) {
        if arguments["momentum"] != nil, let whole = type as? any WholeMachine.Type, !whole.keepsMomentum {
          continue
        }
        let uses = type.card.arguments.map(\.name)
        var rate: [String: Double] = ["steps_per_epoch": 10]
        if uses.contains("window_steps") { rate["window_steps"] = 3 }
        if uses.contains("refind_every") { rate["refind_every"] = 4 }
        let label = "\(direction) \(type.card.name)"
        let problem = Quadratic()
        let optimizer = try makeOptimizer(for: problem, direction, arguments, rate: type.card.name, rate)
        for _ in 0..<5 { try problem.step(optimizer) }
        let resumed = try copy(problem)
        let other = try makeOptimizer(for: resumed, direction, arguments, rate: type.card.name, rate)
        try other.load(entries(optimizer))
        XCTAssertEqual(other.stateBytes, optimizer.stateBytes, label)
        for _ in 0..<7 {
          let (a, b) = (try problem.step(optimizer), try resumed.step(other))
          XCTAssertEqual(a.rate.bitPattern, b.rate.bitPattern, label)
        }
        XCTAssertEqual(resumed.bytes, problem.bytes, label)
        XCTAssertEqual(other.stateBytes, optimizer.stateBytes, label)
      }
    }
  }

  func testASavedStateIsACopy() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, "adam", rate: "tlr", ["window_steps": 2])
    for _ in 0..<3 { try problem.step(optimizer) }
    let saved = entries(optimizer)
    let bytes = saved.mapValues(\.bytes)
    for _ in 0..<3 { try problem.step(optimizer) }
    XCTAssertEqual(saved.mapValues(\.bytes), bytes)
    XCTAssertNotEqual(optimizer.stateBytes, bytes)
  }

  func testNamesOfTheState() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, "adam", rate: "l4")
    XCTAssertEqual(
      optimizer.state.map(\.name),
      [
        "step", "skipped_steps", "rate.0.lowest_loss", "a.step", "a.lr", "a.average", "a.square_average",
        "b.step", "b.lr", "b.average", "b.square_average",
      ])
  }

  /// A state that does not fit is refused whole.
  func testAWrongStateChangesNothing() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, "adam", rate: "l4")
    for _ in 0..<3 { try problem.step(optimizer) }
    let good = entries(optimizer)
    let before = optimizer.stateBytes
    let wrong: [(String, Tensor?, [String])] = [
      ("a.average", nil, ["'a.average' is missing"]), ("step", nil, ["'step'"]),
      ("b.momentum", Tensor([2], [1, 2]), ["'b.momentum' does not belong"]),
      ("a.average", Tensor([2], [1, 2]), ["'a.average'", "(3,)", "(2,)"]),
      ("a.average", Tensor([3], [1, 2, 3], .float32), ["float64", "float32"]),
      ("a.lr", Tensor([2], [1, 2]), ["'a.lr'", "single number"]),
      ("rate.0.lowest_loss", Tensor([2], [1, 2]), ["single number"]),
      ("step", Tensor([], [.nan]), ["'step'", "whole number"]),
      ("b.step", Tensor([], [1.5]), ["'b.step'", "whole number"]),
      ("skipped_steps", Tensor([], [1e300]), ["'skipped_steps'"]),
      ("step", Tensor([], [-1]), ["'step'"]),
    ]
    for (name, value, parts) in wrong {
      var entries = good
      for (key, entry) in entries { entries[key] = key.hasSuffix("lr") ? Tensor([], [9]) : entry }
      entries[name] = value
      XCTAssertThrowsError(try optimizer.load(entries), name) { error in
        for part in parts { XCTAssertTrue("\(error)".contains(part), "\(error)") }
      }
      XCTAssertEqual(optimizer.stateBytes, before, name)
    }
    try optimizer.load(good)
    XCTAssertEqual(optimizer.stateBytes, before)
  }
}

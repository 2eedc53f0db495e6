import Adaptation
import Autodiff
import Foundation
import TestSupport
import Vocabulary
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
    Dictionary(uniqueKeysWithValues: try! optimizer.state.map { ($0.name, $0.value) })
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
      try! optimizer.state.map(\.name),
      [
        "step", "skipped_steps", "rate.0.lowest_loss", "a.step", "a.lr", "a.average", "a.square_average",
        "b.step", "b.lr", "b.average", "b.square_average",
      ])
  }

  private let names = [
    "rate", "rate.0", "rate.hypergradient", "step", "skipped_steps", "guard", "evaluating", "", ".", ":",
    ":rate", "a.step",
    "rate.0.rate", "rate.\u{301}", "lr", "a", "a.lr",
  ]

  private func named(_ names: [String], rate: String, per scope: Scope) throws -> ([Tensor], Optimizer) {
    let tensors = names.indices.map { Tensor([2], [Double($0) + 1, -1], requiresGrad: true) }
    var arguments = required(try RateCatalogue.find(rate).card).mapValues { Attributes.Value.numbers([$0]) }
    if scope != .all {
      arguments["per"] = .text("\(scope)")
      arguments["window_steps"] = .numbers([1])
    }
    let optimizer = try Optimizer(
      direction: "adam", Attributes("adam"), rate: rate, Attributes(rate, arguments))
    try optimizer.addGroup(tensors, names: names, Attributes("group"))
    return (tensors, optimizer)
  }

  private func step(_ tensors: [Tensor], _ optimizer: Optimizer) throws {
    for tensor in tensors { tensor.grad = Tensor([2], tensor.values) }
    let loss = tensors.flatMap(\.values).reduce(0) { $0 + 0.5 * $1 * $1 }
    _ = try optimizer.begin(loss: loss, mayProbe: false)
  }

  /// Rates and parameters have namespaces of their own, so that a parameter may have any name.
  func testAnyNameOfAParameter() throws {
    for (rate, scope) in [("constant", Scope.all), ("tlr", .tensor), ("tlr", .pooled)] {
      let (tensors, optimizer) = try named(names, rate: rate, per: scope)
      for _ in 0..<3 { try step(tensors, optimizer) }
      let saved = try! optimizer.state
      XCTAssertEqual(Set(saved.map(\.name)).count, saved.count, rate)
      let (others, other) = try named(names, rate: rate, per: scope)
      for (a, b) in zip(others, tensors) { try a.assign(b) }
      try other.load(entries(optimizer))
      XCTAssertEqual(other.stateBytes, optimizer.stateBytes, rate)
      try step(tensors, optimizer)
      try step(others, other)
      XCTAssertEqual(others.map(\.bytes), tensors.map(\.bytes), rate)
      XCTAssertEqual(other.stateBytes, optimizer.stateBytes, rate)
    }
  }

  /// States were saved without the colon that now tells parameters called "rate" from rates.
  func testNamesOfEarlierStates() throws {
    let names = ["rate", "rate.first", "w"]
    let (tensors, optimizer) = try named(names, rate: "tlr", per: .tensor)
    for _ in 0..<3 { try step(tensors, optimizer) }
    let old = Dictionary(
      uniqueKeysWithValues: try! optimizer.state.map {
        ($0.name.replacingOccurrences(of: ":", with: ""), $0.value)
      })
    XCTAssertNotNil(old["rate.first.square_average"])
    let (_, other) = try named(names, rate: "tlr", per: .tensor)
    try other.load(old)
    XCTAssertEqual(other.stateBytes, optimizer.stateBytes)
  }

  func testNothingIsLoadedWithinAStep() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, "adam", rate: "sls")
    for _ in 0..<2 { try problem.step(optimizer) }
    let (saved, before) = (entries(optimizer), optimizer.stateBytes)
    problem.fillGradients()
    XCTAssertNotEqual(try optimizer.begin(loss: problem.loss, mayProbe: true).kind, .done)
    expectFailure(.value, ["load_state_dict", "in progress"]) { try optimizer.load(saved) }
    expectFailure(.value, ["add_group", "in progress"]) {
      try optimizer.addGroup([Tensor([1], [1], requiresGrad: true)], names: ["c"], Attributes("group"))
    }
    optimizer.abort()
    XCTAssertEqual(optimizer.stateBytes, before)
    try problem.step(optimizer)
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

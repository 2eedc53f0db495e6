import Adaptation
import Autodiff
import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Training

final class StepMemoryTests: XCTestCase {
  /// The names that checkpoints have had from the first on: a state that was saved then is loaded today.
  func testNamesInASavedState() throws {
    let cases: [(rate: String, arguments: [String: Double], names: [String])] = [
      ("constant", [:], []), ("l4", [:], []), ("hd", [:], ["previous_direction"]),
      ("barzilai_borwein", [:], ["previous_direction", "previous_gradient"]), ("dog", [:], ["start"]),
      ("tlr", ["window_steps": 1], ["window_gradient"]),
      ("tlr", ["window_steps": 3], ["window_start", "window_gradient"]),
      ("sgd_bb", ["steps_per_epoch": 3], ["epoch_start", "epoch_average", "epoch_average_before"]),
      ("marthe", [:], ["rate_tangent", "momentum_tangent"]), ("schedule_free", [:], ["training_point"]),
    ]
    for (rate, arguments, names) in cases {
      let problem = Quadratic()
      let momentum = rate == "schedule_free" ? 0 : 0.5
      let optimizer = try makeOptimizer(for: problem, "sgd", ["momentum": momentum], rate: rate, arguments)
      for _ in 0..<5 { try problem.step(optimizer) }
      if rate == "schedule_free" { try optimizer.setProperty("evaluating", 1) }
      let own = Set(optimizer.slots[0].stateNames + ["step", "lr"])
      let saved = try! optimizer.state.map(\.name).filter { $0.hasPrefix("a.") }.map {
        String($0.dropFirst(2))
      }
      XCTAssertEqual(saved.filter { !own.contains($0) }, names, rate)
    }
  }

  /// Saved and put into memories of a new parameter, the vectors are the same, and copies stay what they were.
  func testVectorsAreRestored() throws {
    for type in RateCatalogue.machines where !type.memories.isEmpty {
      let direction = (type as? any WholeMachine.Type)?.directions.first ?? "sgd"
      let problem = Quadratic()
      let optimizer = try makeOptimizer(
        for: problem, direction, rate: type.card.name, ["steps_per_epoch": 2])
      for _ in 0..<5 { try problem.step(optimizer) }
      let slot = optimizer.slots[0]
      for memory in slot.memories {
        let saved = Dictionary(
          uniqueKeysWithValues: memory.vectors(of: slot).map { ($0.name, try! $0.storage.copy()) })
        XCTAssertTrue(Set(saved.keys).isSubset(of: memory.names), type.card.name)
        memory.restore(slot) { _ in nil }
        XCTAssertTrue(memory.vectors(of: slot).isEmpty, type.card.name)
        memory.restore(slot) { saved[$0] }
        for (name, storage) in memory.vectors(of: slot) {
          XCTAssertTrue(storage === saved[name], "\(type.card.name): \(name)")
        }
        XCTAssertEqual(memory.vectors(of: slot).count, saved.count, type.card.name)
      }
    }
  }

  /// Every kind is wanted by a rate, and no two share a name.
  func testKindsAreApart() {
    let wanted = RateCatalogue.machines.reduce(into: Set<Memory>()) { $0.formUnion($1.memories) }
    let told = try! RateChoice("l4", Attributes("L4", numbers: ["estimator": 2])).memories
    XCTAssertEqual(wanted.union(told), Set(Memory.allCases))
    let slot = makeSlot(Tensor([1], [1], requiresGrad: true), remembers: Set(Memory.allCases))
    XCTAssertEqual(slot.memories.count, Memory.allCases.count)
    let names = Memory.allCases.filter { $0 != .previousGradient }.flatMap { $0.make(slot).names }
    XCTAssertEqual(Set(names).count, names.count)
  }

  /// A state with vectors of another rate is refused.
  func testVectorsOfOthersDoNotBelong() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem)
    try problem.step(optimizer)
    var entries = Dictionary(uniqueKeysWithValues: try! optimizer.state.map { ($0.name, $0.value) })
    entries["a.start"] = Tensor([3], [1, 2, 3])
    expectFailure(.value, ["'a.start' does not belong"]) { try optimizer.load(entries) }
  }
}

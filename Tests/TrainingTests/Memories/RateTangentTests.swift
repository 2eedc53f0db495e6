import Autodiff
import Kernels
import TestSupport
import XCTest

@testable import Training

final class RateTangentTests: XCTestCase {
  private func values(_ storage: Storage) -> [Double] {
    (0..<2).map { storage.pointer.load(fromByteOffset: 8 * $0, as: Double.self) }
  }

  private func slot(momentum: Double) -> ParameterSlot {
    makeSlot(
      Tensor([2], [1, 2], requiresGrad: true), "sgd", ["momentum": momentum], remembers: [.rateTangent])
  }

  func testAVectorForTheParameterAndEachOfTheState() throws {
    for (momentum, names) in [(0.0, ["rate_tangent"]), (0.5, ["rate_tangent", "momentum_tangent"])] {
      let slot = slot(momentum: momentum)
      XCTAssertEqual(slot.memories[0].names, names)
      XCTAssertTrue(slot.memories[0].vectors(of: slot).isEmpty)
      slot.tangents = try RateTangents(slot)
      XCTAssertEqual(slot.memories[0].vectors(of: slot).map(\.name), names)
      XCTAssertEqual(values(slot.tangents!.parameter), [0, 0])
    }
  }

  func testScaling() throws {
    let slot = slot(momentum: 0.5)
    let tangents = RateTangents(Tensor([2], [1, -2]).storage, state: [Tensor([2], [4, 8]).storage])
    let half = try tangents.scaled(slot, by: 0.5)
    XCTAssertEqual(values(half.parameter), [0.5, -1])
    XCTAssertEqual(half.state.map(values), [[2, 4]])
    XCTAssertEqual(values(tangents.parameter), [1, -2])
  }

  /// Of a state that has the parameter's alone, the others begin.
  func testWhatWasNotSavedBegins() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, "sgd", ["momentum": 0.5], rate: "marthe")
    for _ in 0..<3 { try problem.step(optimizer) }
    let slot = optimizer.slots[0]
    var entries = Dictionary(uniqueKeysWithValues: try optimizer.state.map { ($0.name, $0.value) })
    let saved = try XCTUnwrap(entries["a.rate_tangent"]).values
    XCTAssertNotEqual(try XCTUnwrap(entries.removeValue(forKey: "a.momentum_tangent")).values, [0, 0, 0])
    try optimizer.load(entries)
    XCTAssertEqual(values(slot.tangents!.parameter), Array(saved.prefix(2)))
    XCTAssertEqual(slot.tangents!.state.map(values), [[0, 0]])
    slot.memories[0].restore(slot) { _ in nil }
    XCTAssertNil(slot.tangents)
  }
}

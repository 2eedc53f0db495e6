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

  func testAVectorForTheParameterAndEachOfTheState() {
    for (momentum, names) in [(0.0, ["rate_tangent"]), (0.5, ["rate_tangent", "momentum_tangent"])] {
      let slot = slot(momentum: momentum)
      XCTAssertEqual(slot.memories[0].names, names)
      XCTAssertTrue(slot.memories[0].vectors(of: slot).isEmpty)
      slot.tangents = RateTangents(slot)
      XCTAssertEqual(slot.memories[0].vectors(of: slot).map(\.name), names)
      XCTAssertEqual(values(slot.tangents!.parameter), [0, 0])
    }
  }

  func testScaling() {
    let slot = slot(momentum: 0.5)
    let tangents = RateTangents(Tensor([2], [1, -2]).storage, state: [Tensor([2], [4, 8]).storage])
    let half = tangents.scaled(slot, by: 0.5)
    XCTAssertEqual(values(half.parameter), [0.5, -1])
    XCTAssertEqual(half.state.map(values), [[2, 4]])
    XCTAssertEqual(values(tangents.parameter), [1, -2])
  }

  /// Of a state that has the parameter's alone, the others begin.
  func testWhatWasNotSavedBegins() {
    let slot = slot(momentum: 0.5)
    let saved = Tensor([2], [1, -2]).storage
    slot.memories[0].restore(slot) { $0 == "rate_tangent" ? saved : nil }
    XCTAssertEqual(values(slot.tangents!.parameter), [1, -2])
    XCTAssertEqual(slot.tangents!.state.map(values), [[0, 0]])
    slot.memories[0].restore(slot) { _ in nil }
    XCTAssertNil(slot.tangents)
  }
}

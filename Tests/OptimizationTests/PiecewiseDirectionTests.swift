import Vocabulary
import XCTest

@testable import Optimization

final class PiecewiseDirectionTests: XCTestCase {
  private func make(_ name: String, _ values: [String: [Double]]) throws -> any ConfiguredDirection {
    let attributes = Attributes(name, values.mapValues { .numbers($0) })
    return try DirectionCatalogue.make(try DirectionCatalogue.find(name), attributes)
  }

  /// Momenta over 10 steps in 4 pieces, decays over 7 in 3: the indices are those of FDS, floor(n t / T).
  func testEveryStepHasTheValuesOfItsPieces() throws {
    let (momenta, decays) = ([0.0, 0.5, 0.9, -0.1], [1e-3, -2e-3, 0.0])
    let direction = try make(
      "sgd",
      [
        "momentum": momenta, "momentum.steps": [10], "weight_decay": decays, "weight_decay.steps": [7],
      ])
    XCTAssertEqual(direction.slots, ["momentum"])
    for t in 0..<15 {
      let hyper = direction.hyper(t + 1)
      XCTAssertEqual(hyper.momentum, momenta[min(3, 4 * t / 10)], "step \(t)")
      XCTAssertEqual(hyper.decay, decays[min(2, 3 * t / 7)], "step \(t)")
    }
  }

  func testMorePiecesThanSteps() throws {
    let direction = try make("sgd", ["momentum": [0.1, 0.2, 0.3], "momentum.steps": [2]])
    XCTAssertEqual([1, 2, 3].map { direction.hyper($0).momentum }, [0.1, 0.2, 0.3])
  }

  func testWithoutPiecesItIsTheDirectionItself() throws {
    XCTAssertTrue(try make("sgd", ["momentum": [0.9]]) is SGD)
    XCTAssertThrowsError(try make("sgd", ["momentum": [-0.9]]))
    XCTAssertThrowsError(try make("sgd", ["momentum": [0.9, 0.8]]))
  }

  func testBadPiecesAreNamed() throws {
    for bad in [[:], ["momentum": []], ["momentum": [.nan]], ["momentum": [0.9]]] as [[String: [Double]]] {
      let steps: Double = bad["momentum"] == [0.9] ? 0 : 5
      XCTAssertThrowsError(try make("sgd", bad.merging(["momentum.steps": [steps]]) { $1 })) {
        XCTAssertTrue("\($0)".contains("momentum"), "\($0)")
      }
    }
    XCTAssertThrowsError(try make("sgd", ["moment.steps": [5], "moment": [1]]))
  }
}

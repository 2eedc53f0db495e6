import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Autodiff

/// The operation; what is drawn is tested beside the generator.
final class DropoutTests: XCTestCase {
  private func dropout(_ x: Tensor, _ p: Double) throws -> Tensor {
    try apply("dropout", [x], ["p": .numbers([p])])
  }

  /// What is kept is divided by 1 - p, and the gradient goes where the values went.
  func testValuesAndGradientsAreKeptAtTheSamePlaces() throws {
    var numbers = Numbers(seed: 71)
    let values = numbers.array(300).map { $0 + 3 }
    let seeds = numbers.array(300)
    let x = Tensor([300], values, requiresGrad: true)
    let y = try dropout(x, 0.25)
    try Derivatives.backward(y, seed: Tensor([300], seeds))
    let kept = y.values.map { $0 != 0 }
    XCTAssertTrue(kept.contains(true) && kept.contains(false))
    for i in 0..<300 {
      XCTAssertEqual(y.values[i], kept[i] ? values[i] / 0.75 : 0, accuracy: 1e-14)
      XCTAssertEqual(x.grad!.values[i], kept[i] ? seeds[i] / 0.75 : 0, accuracy: 1e-14)
    }
  }

  func testEachTakesAStreamOfItsOwn() throws {
    let x = Tensor([200], [Double](repeating: 1, count: 200))
    let before = Context.stream
    XCTAssertNotEqual(try dropout(x, 0.5).values, try dropout(x, 0.5).values)
    XCTAssertEqual(Context.stream, before + 2)
  }

  /// Nothing is left out at 0, so nothing is drawn.
  func testNoneIsTheInput() throws {
    let x = Tensor([3], [1, 2, 3])
    let before = Context.stream
    XCTAssertTrue(try dropout(x, 0) === x)
    XCTAssertEqual(Context.stream, before)
  }

  func testRefusals() {
    let x = Tensor([3], [1, 2, 3])
    for (p, given) in [(1, "1.0"), (-0.1, "-0.1"), (Double.nan, "nan")] {
      XCTAssertThrowsError(try dropout(x, p)) { error in
        XCTAssertEqual((error as? Failure)?.kind, .value)
        XCTAssertEqual("\(error)", "dropout: p must be at least 0 and below 1, got \(given)")
      }
    }
    XCTAssertThrowsError(try dropout(try! Tensor(shape: [3], dtype: .int64), 0.5)) { error in
      XCTAssertEqual((error as? Failure)?.kind, .type)
      XCTAssertTrue("\(error)".contains("dropout takes float32 or float64 tensors, got int64"), "\(error)")
    }
  }
}

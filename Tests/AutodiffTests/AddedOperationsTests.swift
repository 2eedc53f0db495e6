import Foundation
import TestSupport
import Vocabulary
import XCTest

@testable import Autodiff
@testable import Kernels

/// The operations that docs/adding-an-op.md adds, as if they stood in the catalogues.
final class AddedOperationsTests: XCTestCase {
  private let silu = pointwiseOperation(CataloguedFunction(Silu.self))

  func testTheyAreNotTaken() {
    for added in [silu, diagonalOperation] {
      XCTAssertFalse(Catalogue.operations.contains { $0.name == added.name })
    }
  }

  func testValues() throws {
    let x = (0..<37).map { Double($0) / 4 - 4.5 }
    let wanted = x.map { $0 / (1 + Foundation.exp(-$0)) }
    for (dtype, accuracy) in [(DType.float64, 1e-14), (.float32, 1e-6)] {
      let y = try silu.apply([Tensor([37], x, dtype)]).values
      for (got, want) in zip(y, wanted) { XCTAssertEqual(got, want, accuracy: accuracy) }
    }
    let matrix = Tensor([3, 3], (0..<9).map(Double.init))
    XCTAssertEqual(try diagonalOperation.apply([matrix]).values, [0, 4, 8])
    expectFailure(.shape, ["diagonal", "square matrix", "(2, 3)"]) {
      try diagonalOperation.apply([Tensor([2, 3], [Double](repeating: 0, count: 6))])
    }
  }

  func testDerivatives() throws {
    for operation in [silu, diagonalOperation] {
      for i in operation.examples.indices {
        let added = DerivativeCase(operation, example: i, seed: UInt64(i))
        try added.checkTangents()
        try added.checkPullback()
        try added.checkHessianProducts()
        try added.checkSymmetryAndStacks()
      }
    }
  }
}

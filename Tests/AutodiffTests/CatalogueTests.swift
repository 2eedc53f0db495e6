import TestSupport
import XCTest

@testable import Autodiff

/// Derivatives of every operation in the catalogue, in double precision, on each of its examples.
final class CatalogueTests: XCTestCase {
  private var cases: [DerivativeCase] {
    var all: [DerivativeCase] = []
    for operation in Catalogue.operations {
      for i in operation.examples.indices {
        all.append(DerivativeCase(operation, example: i, seed: UInt64(1000 + all.count)))
      }
    }
    var numbers = Numbers(seed: 5)
    all.append(
      DerivativeCase(label: "cross_entropy", shapes: [[4, 3]], values: [numbers.array(12)]) {
        let labels = try! Tensor(shape: [4], dtype: .int64)
        for (i, label) in [2, 0, 1, 2].enumerated() {
          labels.pointer.storeBytes(of: Int64(label), toByteOffset: 8 * i, as: Int64.self)
        }
        return try apply("cross_entropy", [$0[0], labels])
      })
    all.append(
      DerivativeCase(label: "cross_entropy of many", shapes: [[2, 67]], values: [numbers.array(134)]) {
        let labels = try! Tensor(shape: [2], dtype: .uint8)
        for (i, label) in [66, 5].enumerated() {
          labels.pointer.storeBytes(of: UInt8(label), toByteOffset: i, as: UInt8.self)
        }
        return try apply("cross_entropy", [$0[0], labels])
      })
    all.append(
      DerivativeCase(label: "gather", shapes: [[4, 3]], values: [numbers.array(12)]) {
        let index = try! Tensor(shape: [5], dtype: .uint8)
        for (i, row) in [3, 0, 3, 1, 3].enumerated() {
          index.pointer.storeBytes(of: UInt8(row), toByteOffset: i, as: UInt8.self)
        }
        return try apply("gather", [$0[0], index])
      })
    all.append(
      DerivativeCase(label: "where", shapes: [[2, 3], [3]], values: [numbers.array(6), numbers.array(3)]) {
        let mask = try! Tensor(shape: [2, 3], dtype: .bool)
        for i in 0..<6 { mask.pointer.storeBytes(of: UInt8(i % 2), toByteOffset: i, as: UInt8.self) }
        return try apply("where", [mask, $0[0], $0[1]])
      })
    return all
  }

  func testEveryDifferentiableOperationHasExamples() {
    let tested = Set(cases.map { $0.label.split(separator: " ")[0] })
    for operation in Catalogue.operations where operation.family != .plain {
      XCTAssertTrue(tested.contains(Substring(operation.name)), operation.name)
    }
  }

  func testJVPAgainstCentralDifferences() throws { for c in cases { try c.checkTangents() } }

  func testPullbackIsTheAdjointOfTheTangentMap() throws { for c in cases { try c.checkPullback() } }

  func testHessianProductsAgainstDifferencesOfGradients() throws {
    for c in cases { try c.checkHessianProducts() }
  }

  func testHessianIsSymmetricAndStackingChangesNothing() throws {
    for c in cases { try c.checkSymmetryAndStacks() }
  }
}

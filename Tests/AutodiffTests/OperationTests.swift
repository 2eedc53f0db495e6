import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Autodiff

/// What every operation refuses, and how it says so.
final class OperationTests: XCTestCase {
  private func message<R>(_ kind: Failure.Kind, line: UInt = #line, _ body: () throws -> R) -> String {
    do {
      _ = try body()
      XCTFail("nothing was refused", line: line)
      return ""
    } catch {
      XCTAssertEqual((error as? Failure)?.kind, kind, "\(error)", line: line)
      return "\(error)"
    }
  }

  func testNamesAreUniqueAndKnown() {
    let names = Catalogue.operations.map(\.name)
    XCTAssertEqual(Set(names).count, names.count)
    XCTAssertTrue(message(.value) { try apply("sinc", []) }.contains("'sinc'"))
  }

  func testTheNumberOfInputsIsChecked() {
    for operation in Catalogue.operations {
      // One too many for those that take none.
      let count = operation.inputCount.lowerBound == 0 ? operation.inputCount.upperBound + 1 : 0
      let inputs = (0..<count).map { _ in Tensor([], [1]) }
      let text = message(.value) { try apply(operation.name, inputs) }
      XCTAssertTrue(text.contains(operation.name) && text.contains("got \(count)"), text)
    }
  }

  func testAnUnknownArgumentIsRefused() throws {
    for operation in Catalogue.operations {
      let inputs = (0..<operation.inputCount.lowerBound).map { _ in Tensor([], [1]) }
      let text = message(.value) { try apply(operation.name, inputs, ["colour": .numbers([1])]) }
      XCTAssertTrue(text.contains("\(operation.name) has no argument 'colour'"), text)
    }
  }

  func testMixedTypesAreRefused() {
    let (double, single) = (Tensor([1], [1]), try! Tensor(zeros: [1], dtype: .float32))
    let whole = try! Tensor(zeros: [1], dtype: .int64)
    XCTAssertTrue(message(.type) { try apply("add", [double, single]) }.contains("float64 and float32"))
    XCTAssertTrue(message(.type) { try apply("exp", [whole]) }.contains("int64"))
  }

  func testAxes() throws {
    for (axis, rank, wanted) in [(0, 1, 0), (-1, 3, 2), (2, 3, 2), (-3, 3, 0)] {
      XCTAssertEqual(try normalizedAxis("f", axis, rank), wanted)
    }
    for (axis, rank) in [(1, 1), (-2, 1), (0, 0)] {
      let text = message(.value) { try normalizedAxis("sum", axis, rank) }
      XCTAssertTrue(text.contains("sum") && text.contains("axis \(axis)"), text)
    }
    let x = Tensor([2, 2], [1, 2, 3, 4])
    XCTAssertTrue(message(.value) { try apply("sum", [x], ["axes": .numbers([0, -2])]) }.contains("twice"))
  }

  /// Of equal elements the first is the largest; NaN is larger than all.
  func testArgmax() throws {
    func indices(_ x: Tensor, _ axis: Double?) throws -> [Int64] {
      let result = try apply("argmax", [x], axis.map { ["axis": .numbers([$0])] } ?? [:])
      XCTAssertEqual(result.dtype, .int64)
      return (0..<result.count).map { result.pointer.load(fromByteOffset: 8 * $0, as: Int64.self) }
    }
    let x = Tensor([2, 3], [1, 5, 5, .nan, 7, 0])
    XCTAssertEqual(try indices(x, 1), [1, 0])
    XCTAssertEqual(try indices(x, -2), [1, 1, 0])
    XCTAssertEqual(try indices(x, nil), [3])
  }

  /// Pooling an image without pixels has nothing to read, with or without padding.
  func testPoolingImagesWithoutPixelsIsRefused() {
    for shape in [[1, 4, 0, 3], [1, 0, 4, 3], [1, 0, 0, 3]] {
      let x = try! Tensor(zeros: shape, dtype: .float64)
      let attributes: [String: Attributes.Value] = [
        "size": .numbers([2]), "stride": .numbers([1]), "padding": .numbers([1]),
      ]
      XCTAssertTrue(message(.shape) { try apply("max_pool2d", [x], attributes) }.contains(describe(shape)))
    }
  }

  /// x^0 is 1 with derivative 0, at 0 as well.
  func testThePowerZero() throws {
    let x = Tensor([2], [0, 3], requiresGrad: true)
    let y = try apply("power", [x], ["exponent": .numbers([0])])
    XCTAssertEqual(y.values, [1, 1])
    let gradient = try Derivatives.gradients(y, seed: Tensor([2], [1, 1]), [x])[0]
    XCTAssertEqual(gradient!.values, [0, 0])
  }

  func testLargeWholeNumbersAreComparedExactly() throws {
    let (a, b) = (try! Tensor(zeros: [1], dtype: .int64), try! Tensor(zeros: [1], dtype: .int64))
    a.pointer.storeBytes(of: 1 << 53, as: Int64.self)
    b.pointer.storeBytes(of: (1 << 53) + 1, as: Int64.self)
    for (relation, holds) in [("eq", UInt8(0)), ("lt", 1)] {
      let found = try apply(relation, [a, b])
      withExtendedLifetime(found) { XCTAssertEqual(found.pointer.load(as: UInt8.self), holds) }
    }
  }
}

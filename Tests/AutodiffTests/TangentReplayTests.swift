import Kernels
import TestSupport
import XCTest

@testable import Autodiff

final class TangentReplayTests: XCTestCase {
  private let w1 = Tensor([3, 4], (0..<12).map { 0.1 * Double($0 % 5) - 0.2 }, requiresGrad: true)
  private let w2 = Tensor([4, 1], [0.3, -0.2, 0.5, 0.1], requiresGrad: true)

  private let bias = Tensor([4], [0.1, -0.3, 0.2, 0], requiresGrad: true)

  /// What may share memory and what may not: sums that pass an input on, one whose input is used again, views, a
  /// node that only linear operations use, twice.
  private func loss(_ x: Tensor) throws -> Tensor {
    let hidden = try apply("tanh", [apply("add", [apply("matmul", [x, w1]), bias])])
    let both = try apply("add", [hidden, apply("mul", [hidden, hidden])])
    let view = try apply("reshape", [both], ["shape": .numbers([1, 8])])
    let turned = try apply("transpose", [view])
    let sum = try apply("sub", [turned, apply("reshape", [view], ["shape": .numbers([8, 1])])])
    let flat = try apply("reshape", [apply("add", [sum, turned])], ["shape": .numbers([2, 4])])
    let output = try apply("matmul", [apply("add", [flat, both]), w2])
    return try apply("mean", [apply("square", [output])])
  }

  private func program() throws -> Program {
    let x = Tensor([2, 3], [1, -2, 0.5, 0.3, 2, -1])
    try Recorder.begin([x])
    return try Recorder.end([loss(x)])
  }

  private func stack(_ tensor: Tensor, _ count: Int, _ numbers: inout Numbers) -> Tensor {
    Tensor([count] + tensor.shape, numbers.array(count * tensor.count))
  }

  /// On one batch after another, by stacks of different heights, as the eager sweep has it.
  func testProductsAreThoseOfTheEagerSweep() throws {
    var numbers = Numbers(seed: 3)
    let program = try program()
    let replay = try! TangentReplay(program, width: 3)
    let data = Tensor([4, 3], numbers.array(12))
    for (rows, count) in [([0, 1], 3), ([3, 2], 1), ([2, 0], 2)] as [([Int64], Int)] {
      program.load([data], rows: rows)
      _ = try program.forward()
      try! program.backward()
      let vectors = program.leaves.map { stack($0, count, &numbers) }
      let products = program.leaves.map { Tensor([3] + $0.shape, numbers.array(3 * $0.count)) }
      try! replay.multiply(count, vectors.map(\.storage), into: products.map(\.storage))
      let x = Tensor([2, 3], rows.flatMap { r in (0..<3).map { data.values[3 * Int(r) + $0] } })
      let expected = try Derivatives.hvp(loss(x), program.leaves, vectors)
      for (product, exact) in zip(products, expected) {
        XCTAssertLessThan(relativeError(Array(product.values.prefix(exact.count)), exact.values), 1e-13)
      }
    }
  }

  /// A leaf without vectors is held fixed, and the gradients that training needs are still those of the batch.
  func testFixedLeavesAndGradients() throws {
    var numbers = Numbers(seed: 5)
    let program = try program()
    _ = try program.forward()
    try! program.backward()
    let before = program.leaves.map { $0.grad!.values }
    let replay = try! TangentReplay(program, width: 2)
    _ = try program.forward()
    try! program.backward()
    let moving = program.leaves.firstIndex { $0 === w2 }!
    let vectors = program.leaves.indices.map {
      $0 == moving
        ? stack(w2, 2, &numbers) : try! Tensor(zeros: [2] + program.leaves[$0].shape, dtype: .float64)
    }
    let product = try! Tensor(zeros: [2, 4, 1], dtype: .float64)
    let only = { (storage: Storage) in program.leaves.indices.map { $0 == moving ? storage : nil } }
    try! replay.multiply(2, only(vectors[moving].storage), into: only(product.storage))
    let expected = try Derivatives.hvp(loss(program.inputs[0]), program.leaves, vectors)[moving]
    XCTAssertLessThan(relativeError(product.values, expected.values), 1e-13)
    XCTAssertEqual(program.leaves.map { $0.grad!.values }, before)
  }

  /// A loss that is linear in its leaf has no second derivative; what the memory held is overwritten.
  func testStructuralZero() throws {
    let w = Tensor([2], [1, 2], requiresGrad: true)
    let x = Tensor([2], [3, 4])
    try Recorder.begin([x])
    let program = try Recorder.end([apply("sum", [apply("mul", [x, w])])])
    let replay = try! TangentReplay(program, width: 1)
    _ = try program.forward()
    try! program.backward()
    let product = Tensor([1, 2], [7, 7])
    try! replay.multiply(1, [Tensor([1, 2], [1, 1]).storage], into: [product.storage])
    XCTAssertEqual(product.values, [0, 0])
  }

  /// J' H J with J by differences of the outputs, and H = 2 / n of the mean of n squares.
  func testGaussNewtonProducts() throws {
    var numbers = Numbers(seed: 7)
    let x = Tensor([2, 3], [1, -2, 0.5, 0.3, 2, -1])
    try Recorder.begin([x])
    let hidden = try apply("tanh", [apply("add", [apply("matmul", [x, w1]), bias])])
    let output = try apply("matmul", [apply("mul", [hidden, hidden]), w2])
    let program = try Recorder.end([apply("mean", [apply("square", [output])]), output])
    let replay = try! TangentReplay(program, width: 2, .gaussNewton)
    _ = try program.forward()
    try! program.backward()
    let vectors = program.leaves.map { stack($0, 2, &numbers) }
    let products = program.leaves.map { try! Tensor(zeros: [2] + $0.shape, dtype: .float64) }
    try! replay.multiply(2, vectors.map(\.storage), into: products.map(\.storage))

    func outputs(_ leaf: Tensor, _ i: Int, _ step: Double) throws -> [Double] {
      let pointer = leaf.pointer.assumingMemoryBound(to: Double.self)
      let kept = pointer[i]
      defer { pointer[i] = kept }
      pointer[i] += step
      _ = try program.forward()
      return output.values
    }
    let h = 1e-5
    let jacobian = try program.leaves.map { leaf in
      try (0..<leaf.count).map { i in
        try zip(outputs(leaf, i, h), outputs(leaf, i, -h)).map { ($0 - $1) / (2 * h) }
      }
    }
    for k in 0..<2 {
      var moved = [0.0, 0.0]
      for (rows, vector) in zip(jacobian, vectors) {
        for (i, row) in rows.enumerated() {
          for c in 0..<2 { moved[c] += row[c] * vector.values[k * rows.count + i] }
        }
      }
      for (rows, product) in zip(jacobian, products) {
        for (i, row) in rows.enumerated() {
          // 2 / n is 1
          let exact = row[0] * moved[0] + row[1] * moved[1]
          XCTAssertEqual(product.values[k * rows.count + i], exact, accuracy: 1e-8)
        }
      }
    }
  }
}

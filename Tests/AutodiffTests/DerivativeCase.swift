import Kernels
import TestSupport
import XCTest

@testable import Autodiff

/// A function of tensors, in double precision, whose derivatives are checked.
struct DerivativeCase {
  let label: String
  let shapes: [[Int]]
  let values: [[Double]]
  let run: ([Tensor]) throws -> Tensor

  init(label: String, shapes: [[Int]], values: [[Double]], run: @escaping ([Tensor]) throws -> Tensor) {
    (self.label, self.shapes, self.values, self.run) = (label, shapes, values, run)
  }

  /// One of an operation's examples; `seed` draws its values.
  init(_ operation: Autodiff.Operation, example i: Int, seed: UInt64) {
    let example = operation.examples[i]
    var numbers = Numbers(seed: seed)
    // Drawn together, so that values are distinct across inputs too.
    let counts = example.shapes.map { $0.reduce(1, *) }
    var rest = numbers.array(counts.reduce(0, +), in: example.domain)[...]
    let values = counts.map { n in
      defer { rest = rest.dropFirst(n) }
      return Array(rest.prefix(n))
    }
    self.init(
      label: "\(operation.name) example \(i) \(example.shapes)", shapes: example.shapes, values: values
    ) {
      // Random operations must draw the same numbers at every evaluation.
      Context.stream = 7
      return try operation.apply($0, example.attributes)
    }
  }

  private func tensors(_ values: [[Double]]) -> [Tensor] {
    zip(shapes, values).map { Tensor($0, $1, requiresGrad: true) }
  }

  private func shifted(_ by: [[Double]], _ h: Double) -> [[Double]] {
    zip(values, by).map { zip($0, $1).map { $0 + h * $1 } }
  }

  /// A scalar with curvature of its own, so that linear operations are tested with a Hessian too.
  private func scalar(_ inputs: [Tensor]) throws -> Tensor {
    let y = try run(inputs)
    var numbers = Numbers(seed: 99)
    let weights = Tensor(y.shape, numbers.array(y.count))
    return try apply("sum", [apply("mul", [apply("square", [y]), weights])])
  }

  func checkTangents(file: StaticString = #filePath, line: UInt = #line) throws {
    var numbers = Numbers(seed: 3)
    let direction = values.map { numbers.array($0.count) }
    let inputs = tensors(values)
    let tangents = zip(shapes, direction).map { Tensor([1] + $0, $1) }
    let exact = try Derivatives.jvp(run(inputs), inputs, tangents).values
    let h = 1e-5
    let up = try run(tensors(shifted(direction, h))).values
    let down = try run(tensors(shifted(direction, -h))).values
    let difference = zip(up, down).map { ($0 - $1) / (2 * h) }
    XCTAssertLessThan(relativeError(exact, difference), 1e-7, label, file: file, line: line)
  }

  func checkPullback(file: StaticString = #filePath, line: UInt = #line) throws {
    var numbers = Numbers(seed: 4)
    let direction = values.map { numbers.array($0.count) }
    let inputs = tensors(values)
    let y = try run(inputs)
    let tangents = zip(shapes, direction).map { Tensor([1] + $0, $1) }
    let forward = try Derivatives.jvp(y, inputs, tangents).values
    let seed = Tensor(y.shape, numbers.array(y.count))
    let gradients = try Derivatives.gradients(y, seed: seed, inputs)
    let left = dot(seed.values, forward)
    let right = zip(gradients, direction).reduce(0) { $0 + dot($1.0?.values ?? [], $1.1) }
    XCTAssertEqual(left, right, accuracy: 1e-12 * max(1, abs(left)), label, file: file, line: line)
  }

  func checkHessianProducts(file: StaticString = #filePath, line: UInt = #line) throws {
    var numbers = Numbers(seed: 6)
    let count = 3
    let vectors = values.map { v in (0..<count).map { _ in numbers.array(v.count) } }
    let inputs = tensors(values)
    let stacks = zip(shapes, vectors).map { Tensor([count] + $0, $1.flatMap { $0 }) }
    let exact = try Derivatives.hvp(scalar(inputs), inputs, stacks)
    for k in 0..<count {
      let direction = vectors.map { $0[k] }
      let h = 1e-5
      let up = try gradients(shifted(direction, h))
      let down = try gradients(shifted(direction, -h))
      for i in inputs.indices {
        let n = values[i].count
        let column = Array(exact[i].values[(k * n)..<((k + 1) * n)])
        let difference = zip(up[i], down[i]).map { ($0 - $1) / (2 * h) }
        XCTAssertLessThan(
          relativeError(column, difference), 1e-7, "\(label) input \(i)", file: file, line: line)
      }
    }
  }

  private func gradients(_ values: [[Double]]) throws -> [[Double]] {
    let inputs = tensors(values)
    return try Derivatives.gradients(scalar(inputs), seed: nil, inputs).enumerated().map { i, g in
      g?.values ?? [Double](repeating: 0, count: values[i].count)
    }
  }

  func checkSymmetryAndStacks(file: StaticString = #filePath, line: UInt = #line) throws {
    var numbers = Numbers(seed: 8)
    let count = 18  // more than one tile
    let vectors = values.map { v in (0..<count).map { _ in numbers.array(v.count) } }
    func products(_ which: Range<Int>) throws -> [[Double]] {
      let inputs = tensors(values)
      let stacks = zip(shapes, vectors).map { Tensor([which.count] + $0, $1[which].flatMap { $0 }) }
      return try Derivatives.hvp(scalar(inputs), inputs, stacks).map(\.values)
    }
    let all = try products(0..<count)
    func column(_ k: Int, _ i: Int) -> [Double] {
      let n = values[i].count
      return Array(all[i][(k * n)..<((k + 1) * n)])
    }
    for k in [0, 9, 17] {
      let single = try products(k..<(k + 1))
      for i in values.indices {
        XCTAssertLessThan(
          relativeError(single[i], column(k, i)), 1e-13, "\(label) k = \(k)", file: file, line: line)
      }
    }
    let left = values.indices.reduce(0.0) { $0 + dot(vectors[$1][0], column(1, $1)) }
    let right = values.indices.reduce(0.0) { $0 + dot(vectors[$1][1], column(0, $1)) }
    XCTAssertEqual(left, right, accuracy: 1e-12 * max(1, abs(left)), label, file: file, line: line)
  }
}

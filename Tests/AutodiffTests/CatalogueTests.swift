import TestSupport
import XCTest

@testable import Autodiff

/// Derivatives of every operation in the catalogue, in double precision, on each of its examples.
final class CatalogueTests: XCTestCase {
  private struct Case {
    let label: String
    let shapes: [[Int]]
    let values: [[Double]]
    let run: ([Tensor]) throws -> Tensor
  }

  private var cases: [Case] {
    var all: [Case] = []
    for operation in Catalogue.operations {
      for (i, example) in operation.examples.enumerated() {
        var numbers = Numbers(seed: UInt64(1000 + all.count))
        // Drawn together, so that values are distinct across inputs too.
        let counts = example.shapes.map { $0.reduce(1, *) }
        var rest = numbers.array(counts.reduce(0, +), in: example.domain)[...]
        let values = counts.map { n in
          defer { rest = rest.dropFirst(n) }
          return Array(rest.prefix(n))
        }
        all.append(
          Case(
            label: "\(operation.name) example \(i) \(example.shapes)", shapes: example.shapes, values: values
          ) {
            // Random operations must draw the same numbers at every evaluation.
            Context.stream = 7
            return try apply(operation.name, $0, example.attributes)
          })
      }
    }
    var numbers = Numbers(seed: 5)
    all.append(
      Case(label: "cross_entropy", shapes: [[4, 3]], values: [numbers.array(12)]) {
        let labels = Tensor(shape: [4], dtype: .int64)
        for (i, label) in [2, 0, 1, 2].enumerated() {
          labels.pointer.storeBytes(of: Int64(label), toByteOffset: 8 * i, as: Int64.self)
        }
        return try apply("cross_entropy", [$0[0], labels])
      })
    all.append(
      Case(label: "gather", shapes: [[4, 3]], values: [numbers.array(12)]) {
        let index = Tensor(shape: [5], dtype: .uint8)
        for (i, row) in [3, 0, 3, 1, 3].enumerated() {
          index.pointer.storeBytes(of: UInt8(row), toByteOffset: i, as: UInt8.self)
        }
        return try apply("gather", [$0[0], index])
      })
    all.append(
      Case(label: "where", shapes: [[2, 3], [3]], values: [numbers.array(6), numbers.array(3)]) {
        let mask = Tensor(shape: [2, 3], dtype: .bool)
        for i in 0..<6 { mask.pointer.storeBytes(of: UInt8(i % 2), toByteOffset: i, as: UInt8.self) }
        return try apply("where", [mask, $0[0], $0[1]])
      })
    return all
  }

  private func tensors(_ c: Case, _ values: [[Double]]) -> [Tensor] {
    zip(c.shapes, values).map { Tensor($0, $1, requiresGrad: true) }
  }

  private func shifted(_ values: [[Double]], _ by: [[Double]], _ h: Double) -> [[Double]] {
    zip(values, by).map { zip($0, $1).map { $0 + h * $1 } }
  }

  /// A scalar with curvature of its own, so that linear operations are tested with a Hessian too.
  private func scalar(_ c: Case, _ inputs: [Tensor]) throws -> Tensor {
    let y = try c.run(inputs)
    var numbers = Numbers(seed: 99)
    let weights = Tensor(y.shape, numbers.array(y.count))
    return try apply("sum", [apply("mul", [apply("square", [y]), weights])])
  }

  func testEveryDifferentiableOperationHasExamples() {
    let tested = Set(cases.map { $0.label.split(separator: " ")[0] })
    for operation in Catalogue.operations where operation.family != .plain {
      XCTAssertTrue(tested.contains(Substring(operation.name)), operation.name)
    }
  }

  func testJVPAgainstCentralDifferences() throws {
    for c in cases {
      var numbers = Numbers(seed: 3)
      let direction = c.values.map { numbers.array($0.count) }
      let inputs = tensors(c, c.values)
      let tangents = zip(c.shapes, direction).map { Tensor([1] + $0, $1) }
      let exact = try Derivatives.jvp(c.run(inputs), inputs, tangents).values
      let h = 1e-5
      let up = try c.run(tensors(c, shifted(c.values, direction, h))).values
      let down = try c.run(tensors(c, shifted(c.values, direction, -h))).values
      let difference = zip(up, down).map { ($0 - $1) / (2 * h) }
      XCTAssertLessThan(relativeError(exact, difference), 1e-7, c.label)
    }
  }

  func testPullbackIsTheAdjointOfTheTangentMap() throws {
    for c in cases {
      var numbers = Numbers(seed: 4)
      let direction = c.values.map { numbers.array($0.count) }
      let inputs = tensors(c, c.values)
      let y = try c.run(inputs)
      let tangents = zip(c.shapes, direction).map { Tensor([1] + $0, $1) }
      let forward = try Derivatives.jvp(y, inputs, tangents).values
      let seed = Tensor(y.shape, numbers.array(y.count))
      let gradients = try Derivatives.gradients(y, seed: seed, inputs)
      let left = dot(seed.values, forward)
      let right = zip(gradients, direction).reduce(0) { $0 + dot($1.0?.values ?? [], $1.1) }
      XCTAssertEqual(left, right, accuracy: 1e-12 * max(1, abs(left)), c.label)
    }
  }

  func testHessianProductsAgainstDifferencesOfGradients() throws {
    for c in cases {
      var numbers = Numbers(seed: 6)
      let count = 3
      let vectors = c.values.map { v in (0..<count).map { _ in numbers.array(v.count) } }
      let inputs = tensors(c, c.values)
      let stacks = zip(c.shapes, vectors).map { Tensor([count] + $0, $1.flatMap { $0 }) }
      let exact = try Derivatives.hvp(scalar(c, inputs), inputs, stacks)
      for k in 0..<count {
        let direction = vectors.map { $0[k] }
        let h = 1e-5
        let up = try gradients(c, shifted(c.values, direction, h))
        let down = try gradients(c, shifted(c.values, direction, -h))
        for i in inputs.indices {
          let n = c.values[i].count
          let column = Array(exact[i].values[(k * n)..<((k + 1) * n)])
          let difference = zip(up[i], down[i]).map { ($0 - $1) / (2 * h) }
          XCTAssertLessThan(relativeError(column, difference), 1e-7, "\(c.label) input \(i)")
        }
      }
    }
  }

  private func gradients(_ c: Case, _ values: [[Double]]) throws -> [[Double]] {
    let inputs = tensors(c, values)
    return try Derivatives.gradients(scalar(c, inputs), seed: nil, inputs).enumerated().map { i, g in
      g?.values ?? [Double](repeating: 0, count: values[i].count)
    }
  }

  func testHessianIsSymmetricAndStackingChangesNothing() throws {
    for c in cases {
      var numbers = Numbers(seed: 8)
      let count = 18  // more than one tile
      let vectors = c.values.map { v in (0..<count).map { _ in numbers.array(v.count) } }
      func products(_ which: Range<Int>) throws -> [[Double]] {
        let inputs = tensors(c, c.values)
        let stacks = zip(c.shapes, vectors).map { Tensor([which.count] + $0, $1[which].flatMap { $0 }) }
        return try Derivatives.hvp(scalar(c, inputs), inputs, stacks).map(\.values)
      }
      let all = try products(0..<count)
      func column(_ k: Int, _ i: Int) -> [Double] {
        let n = c.values[i].count
        return Array(all[i][(k * n)..<((k + 1) * n)])
      }
      for k in [0, 9, 17] {
        let single = try products(k..<(k + 1))
        for i in c.values.indices {
          XCTAssertLessThan(relativeError(single[i], column(k, i)), 1e-13, "\(c.label) k = \(k)")
        }
      }
      let left = c.values.indices.reduce(0.0) { $0 + dot(vectors[$1][0], column(1, $1)) }
      let right = c.values.indices.reduce(0.0) { $0 + dot(vectors[$1][1], column(0, $1)) }
      XCTAssertEqual(left, right, accuracy: 1e-12 * max(1, abs(left)), c.label)
    }
  }
}

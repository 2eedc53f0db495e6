import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Autodiff

final class SweepTests: XCTestCase {
  func testBackwardAddsUp() throws {
    let x = Tensor([2], [1, 3], requiresGrad: true)
    try Derivatives.backward(apply("sum", [apply("square", [x])]), seed: nil)
    XCTAssertEqual(x.grad!.values, [2, 6])
    try Derivatives.backward(apply("sum", [x]), seed: nil)
    XCTAssertEqual(x.grad!.values, [3, 7])
    let y = try apply("square", [x])
    try Derivatives.backward(y, seed: Tensor([2], [10, -1]))
    XCTAssertEqual(x.grad!.values, [23, 1])
    try Derivatives.backward(y, seed: Tensor([2], [0, 1]))
    XCTAssertEqual(x.grad!.values, [23, 7], "a graph may be pulled through again")
    XCTAssertNil(y.grad)
  }

  func testGradientsShareNoMemory() throws {
    let x = Tensor([2], [1, 3], requiresGrad: true)
    let (y, seed) = (try apply("square", [x]), Tensor([2], [10, -1]))
    let results = try Derivatives.gradients(y, seed: seed, [x, x, y]) + [seed]
    try Derivatives.backward(x, seed: seed)
    let places = (results.map { $0!.pointer } + [x.grad!.pointer])
    XCTAssertEqual(Set(places).count, 5)
    XCTAssertEqual(results.map { $0!.values }, [[20, -6], [20, -6], [10, -1], [10, -1]])
  }

  /// x is reached by several paths of different length.
  func testSharedSubexpressions() throws {
    let x = Tensor([], [1.5], requiresGrad: true)
    let square = try apply("square", [x])
    let y = try apply("add", [apply("mul", [square, x]), apply("add", [square, apply("mul", [x, x])])])
    try Derivatives.backward(y, seed: nil)
    XCTAssertEqual(x.grad!.values[0], 3 * 1.5 * 1.5 + 4 * 1.5, accuracy: 1e-14)
  }

  func testALeafIsItsOwnGraph() throws {
    let x = Tensor([], [2], requiresGrad: true)
    try Derivatives.backward(x, seed: nil)
    XCTAssertEqual(x.grad!.values, [1])
    let gradients = try Derivatives.gradients(x, seed: nil, [x])
    XCTAssertEqual(gradients[0]!.values, [1])
  }

  func testGradientsLeaveGradAlone() throws {
    let (a, b) = (Tensor([2], [1, 2], requiresGrad: true), Tensor([2], [3, 4], requiresGrad: true))
    let unused = Tensor([2], [5, 6], requiresGrad: true)
    let product = try apply("mul", [a, b])
    let loss = try apply("sum", [apply("square", [product])])
    let gradients = try Derivatives.gradients(loss, seed: nil, [a, unused, product, b, loss])
    XCTAssertEqual(gradients[0]!.values, [18, 64])
    XCTAssertNil(gradients[1])
    XCTAssertEqual(gradients[2]!.values, [6, 16])
    XCTAssertEqual(gradients[3]!.values, [6, 32])
    XCTAssertEqual(gradients[4]!.values, [1])
    XCTAssertNil(a.grad)
    XCTAssertNil(b.grad)
    try Derivatives.backward(loss, seed: nil)
    XCTAssertEqual(a.grad!.values, [18, 64])
  }

  /// Constants take part in values and in no sweep.
  func testConstantsGetNoGradient() throws {
    let (x, c) = (Tensor([2], [1, 2], requiresGrad: true), Tensor([2], [3, 4]))
    let loss = try apply("sum", [apply("mul", [x, c])])
    try Derivatives.backward(loss, seed: nil)
    XCTAssertNil(c.grad)
    XCTAssertNil(try Derivatives.gradients(loss, seed: nil, [c])[0])
  }

  /// f = x'Ax / 2 + c'x: the gradient is Ax + c for symmetric A, H v = A v, for any number of v.
  func testAQuadratic() throws {
    let n = 5
    var numbers = Numbers(seed: 12)
    let root = numbers.array(n * n)
    var a = [Double](repeating: 0, count: n * n)
    for i in 0..<n {
      for j in 0..<n { for k in 0..<n { a[i * n + j] += root[k * n + i] * root[k * n + j] } }
    }
    func times(_ v: [Double]) -> [Double] { (0..<n).map { dot(Array(a[($0 * n)..<(($0 + 1) * n)]), v) } }
    let (x, c) = (numbers.array(n), numbers.array(n))
    let parameter = Tensor([n], x, requiresGrad: true)
    func loss() throws -> Tensor {
      let quadratic = try apply("matmul", [parameter, apply("matmul", [Tensor([n, n], a), parameter])])
      let linear = try apply("matmul", [Tensor([n], c), parameter])
      return try apply("add", [apply("affine", [quadratic], ["scale": .numbers([0.5])]), linear])
    }
    let gradient = try Derivatives.gradients(loss(), seed: nil, [parameter])[0]!.values
    XCTAssertLessThan(relativeError(gradient, zip(times(x), c).map(+)), 1e-14)
    for count in [1, 3, 16, 17, 35] {
      let vectors = (0..<count).map { _ in numbers.array(n) }
      let stack = Tensor([count, n], vectors.flatMap { $0 })
      let products = try Derivatives.hvp(loss(), [parameter], [stack])[0]
      XCTAssertEqual(products.shape, [count, n])
      XCTAssertLessThan(relativeError(products.values, vectors.flatMap(times)), 1e-14, "\(count)")
      let slopes = try Derivatives.jvp(loss(), [parameter], [stack]).values
      XCTAssertLessThan(relativeError(slopes, vectors.map { dot($0, gradient) }), 1e-13)
    }
    XCTAssertNil(parameter.grad)
  }

  func testInputsThatTheOutputDoesNotDependOn() throws {
    let (x, other) = (Tensor([2], [1, 2], requiresGrad: true), Tensor([3], [1, 2, 3], requiresGrad: true))
    let loss = try apply("sum", [apply("square", [x])])
    let stacks = [Tensor([2, 2], [1, 0, 0, 1]), Tensor([2, 3], [Double](repeating: 1, count: 6))]
    let products = try Derivatives.hvp(loss, [x, other], stacks)
    XCTAssertEqual(products[0].values, [2, 0, 0, 2])
    XCTAssertEqual(products[1].values, [Double](repeating: 0, count: 6))
    XCTAssertEqual(try Derivatives.jvp(loss, [other], [stacks[1]]).values, [0, 0])
    XCTAssertFalse(other.tangent.ready)
    XCTAssertEqual(try Derivatives.jvp(Tensor([], [1]), [x], [stacks[0]]).values, [0, 0])
    // What was left behind would change a later sweep.
    XCTAssertEqual(try Derivatives.hvp(loss, [x], [stacks[0]])[0].values, [2, 0, 0, 2])
  }

  /// loss = sum((x^2)^2) as a function of h = x^2 has the Hessian 2.
  func testHessianProductsByAnIntermediateResult() throws {
    let x = Tensor([2], [1, 3], requiresGrad: true)
    let h = try apply("square", [x])
    let loss = try apply("sum", [apply("square", [h])])
    XCTAssertEqual(try Derivatives.jvp(loss, [h], [Tensor([1, 2], [1, 1])]).values, [20])
    XCTAssertEqual(try Derivatives.hvp(loss, [h], [Tensor([1, 2], [1, -1])])[0].values, [2, -2])
  }

  /// A derivative of values that are no longer there would be wrong.
  func testWhatHasChangedSinceIsAnError() throws {
    let w = Tensor([2], [3, 4], requiresGrad: true)
    let other = Tensor([2], [1, 1])
    let square = try apply("sum", [apply("mul", [w, w])])
    let linear = try apply("sum", [apply("add", [w, w])])
    try w.assign(other)
    let passes: [() throws -> Void] = [
      { try Derivatives.backward(square, seed: nil) },
      { _ = try Derivatives.gradients(square, seed: nil, [w]) },
      { _ = try Derivatives.hvp(square, [w], [Tensor([1, 2], [1, 0])]) },
      { _ = try Derivatives.jvp(square, [w], [Tensor([1, 2], [1, 0])]) },
    ]
    for pass in passes {
      XCTAssertThrowsError(try pass()) { XCTAssertTrue("\($0)".contains("has changed"), "\($0)") }
    }
    XCTAssertNil(w.grad)
    // A sum needs no values.
    try Derivatives.backward(linear, seed: nil)
    XCTAssertEqual(w.grad!.values, [2, 2])
  }

  func testNoElements() throws {
    let x = Tensor([0], [], requiresGrad: true)
    let loss = try apply("sum", [x])
    try Derivatives.backward(loss, seed: nil)
    XCTAssertEqual(x.grad!.shape, [0])
    XCTAssertEqual(try Derivatives.hvp(loss, [x], [Tensor([2, 0], [])])[0].shape, [2, 0])
    let y = Tensor([2], [1, 2], requiresGrad: true)
    XCTAssertEqual(try Derivatives.jvp(apply("sum", [y]), [y], [Tensor([0, 2], [])]).shape, [0])
  }

  func testSinglePrecision() throws {
    let x = try! Tensor(shape: [1], dtype: .float32, requiresGrad: true)
    x.pointer.storeBytes(of: 1.5, as: Float.self)
    let loss = try apply("sum", [apply("mul", [x, apply("square", [x])])])
    try Derivatives.backward(loss, seed: nil)
    XCTAssertEqual(x.grad!.dtype, .float32)
    XCTAssertEqual(x.grad!.values, [6.75])
  }

  func testErrorsNameThings() throws {
    let x = Tensor([2], [1, 2], requiresGrad: true)
    let y = try apply("square", [x])
    let loss = try apply("sum", [y])
    let v = Tensor([1, 2], [1, 1])
    let constant = Tensor([], [1])
    expectFailure(.value, ["backward", "requires_grad=True"]) {
      try Derivatives.backward(constant, seed: nil)
    }
    expectFailure(.shape, ["backward", "scalar", "(2,)"]) { try Derivatives.backward(y, seed: nil) }
    expectFailure(.shape, ["grad", "seed", "(2,)", "(1, 2)"]) { try Derivatives.gradients(y, seed: v, [x]) }
    expectFailure(.shape, ["seed", "float64", "float32"]) {
      try Derivatives.backward(y, seed: try! Tensor(zeros: [2], dtype: .float32))
    }
    expectFailure(.value, ["hvp", "vectors", "0", "1"]) { try Derivatives.hvp(loss, [x], []) }
    expectFailure(.value, ["hvp", "2", "1"]) { try Derivatives.hvp(loss, [x], [v, v]) }
    expectFailure(.shape, ["hvp", "scalar"]) { try Derivatives.hvp(loss, [x], [constant]) }
    expectFailure(.shape, ["hvp", "vectors[0]", "(2, 2)", "(2, 3)"]) {
      try Derivatives.hvp(loss, [x], [Tensor([2, 3], [1, 2, 3, 4, 5, 6])])
    }
    expectFailure(.value, ["jvp", "input 1 is given twice"]) { try Derivatives.jvp(loss, [x, x], [v, v]) }
    expectFailure(.shape, ["hvp", "scalar", "(2,)"]) { try Derivatives.hvp(y, [x], [v]) }
    expectFailure(.value, ["hvp", "no_grad"]) { try Derivatives.hvp(constant, [x], [v]) }
    XCTAssertNil(x.grad)
  }
}

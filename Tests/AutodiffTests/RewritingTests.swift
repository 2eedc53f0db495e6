import Kernels
import TestSupport
import XCTest

@testable import Autodiff

final class RewritingTests: XCTestCase {
  private let w = Tensor(
    [2, 2, 1, 3], [0.4, -0.3, 0.2, 0.1, 0.6, -0.7, -0.5, 0.2, 0.3, 0.8, -0.1, 0.5], requiresGrad: true)
  private var numbers = Numbers(seed: 3)

  /// Overlapping windows with padding, some of them rectified as a whole.
  private func pooled(_ hidden: Tensor) throws -> Tensor {
    try apply(
      "max_pool2d", [hidden], ["size": .numbers([3]), "stride": .numbers([2]), "padding": .numbers([1])])
  }

  private func loss(_ x: Tensor) throws -> Tensor {
    let hidden = try apply("relu", [apply("affine", [apply("conv2d", [x, w])], ["shift": .numbers([-0.5])])])
    return try apply("sum", [apply("square", [pooled(hidden)])])
  }

  private func sizes(_ program: Program) -> [Int] {
    program.nodes.filter { ($0.op as? PointwiseOp)?.kernels.commutesWithMaximum == true }.map(\.count)
  }

  func testPooledBeforeRectifiedEqualsEager() throws {
    let x = Tensor([2, 7, 6, 1], numbers.array(84))
    try Recorder.begin([x])
    let program = try Recorder.end([loss(x)])
    XCTAssertEqual(sizes(program), [2 * 3 * 3 * 3])
    let replay = try! TangentReplay(program, width: 2)
    let other = Tensor([2, 7, 6, 1], numbers.array(84))
    program.load([other], rows: [0, 1])
    let value = try program.forward()
    try! program.backward()
    let gradient = w.grad!.values
    w.grad = nil
    let eager = try loss(other)
    XCTAssertEqual(value, eager.scalarValue)
    try Derivatives.backward(eager, seed: nil)
    XCTAssertEqual(gradient, w.grad!.values)
    XCTAssertGreaterThan(gradient.map(abs).max()!, 0.1)

    let directions = Tensor([2, 2, 2, 1, 3], numbers.array(24))
    let expected = try Derivatives.hvp(loss(other), [w], [directions])[0].values
    let product = try! Storage(zeroed: 2 * w.byteCount)
    try! replay.multiply(2, [directions.storage], into: [product])
    XCTAssertEqual(Tensor(shape: [2, 12], dtype: .float64, storage: product).values, expected)
    w.grad = nil
  }

  func testWhatElseReadsTheRectifiedStays() throws {
    let x = Tensor([1, 5, 5, 1], numbers.array(25))
    try Recorder.begin([x])
    let hidden = try apply("relu", [apply("conv2d", [x, w])])
    let total = try apply("add", [apply("sum", [pooled(hidden)]), apply("sum", [hidden])])
    XCTAssertEqual(sizes(try Recorder.end([total])), [48])

    try Recorder.begin([x])
    let output = try apply("relu", [apply("conv2d", [x, w])])
    XCTAssertEqual(sizes(try Recorder.end([apply("sum", [pooled(output)]), output])), [48])
  }

  func testOtherFunctionsStay() throws {
    let x = Tensor([1, 5, 5, 1], numbers.array(25))
    try Recorder.begin([x])
    let hidden = try apply("tanh", [apply("conv2d", [x, w])])
    let program = try Recorder.end([apply("sum", [pooled(hidden)])])
    XCTAssertEqual(program.nodes.filter { $0.op is PointwiseOp }.map(\.count), [48])
  }
}

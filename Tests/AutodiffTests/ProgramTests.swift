import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Autodiff

final class ProgramTests: XCTestCase {
  private func network(_ x: Tensor, _ labels: Tensor, _ w1: Tensor, _ w2: Tensor) throws -> Tensor {
    let hidden = try apply("dropout", [apply("tanh", [apply("matmul", [x, w1])])], ["p": .numbers([0.3])])
    return try apply("cross_entropy", [apply("matmul", [hidden, w2]), labels])
  }

  private func labels(_ values: [Int]) -> Tensor {
    let tensor = try! Tensor(shape: [values.count], dtype: .int64)
    for (i, v) in values.enumerated() {
      tensor.pointer.storeBytes(of: Int64(v), toByteOffset: 8 * i, as: Int64.self)
    }
    return tensor
  }

  /// A replay on another batch gives, bit for bit, what running the operations on it gives; dropout included.
  func testReplayEqualsEagerOnOtherBatches() throws {
    var numbers = Numbers(seed: 1)
    let w1 = Tensor([4, 6], numbers.array(24), requiresGrad: true)
    let w2 = Tensor([6, 3], numbers.array(18), requiresGrad: true)
    let data = Tensor([9, 4], numbers.array(36))
    let classes = labels([0, 1, 2, 0, 1, 2, 0, 1, 2])
    let x = Tensor([3, 4], numbers.array(12))
    let y = labels([0, 1, 2])
    Context.seed = 11
    Context.stream = 0
    try Recorder.begin([x, y])
    let program = try Recorder.end([network(x, y, w1, w2)])
    let rows: [Int64] = [8, 1, 4, 3, 3, 0]
    for batch in 0..<2 {
      let now = Array(rows[(3 * batch)..<(3 * batch + 3)])
      let stream = Context.stream
      program.load([data, classes], rows: now)
      let loss = try program.forward()
      try! program.backward()
      let replayed = (w1.grad!.values, w2.grad!.values)
      (w1.grad, w2.grad) = (nil, nil)
      let after = Context.stream
      Context.stream = stream
      let batchX = Tensor([3, 4], now.flatMap { r in (0..<4).map { data.values[4 * Int(r) + $0] } })
      let batchY = labels(now.map { Int($0) % 3 })
      let eager = try network(batchX, batchY, w1, w2)
      try Derivatives.backward(eager, seed: nil)
      XCTAssertEqual(loss, eager.scalarValue)
      XCTAssertEqual(replayed.0, w1.grad!.values)
      XCTAssertEqual(replayed.1, w2.grad!.values)
      XCTAssertEqual(after, Context.stream)
      // A probe draws the same random numbers again.
      XCTAssertEqual(try program.forward(probe: true), loss)
      (w1.grad, w2.grad) = (nil, nil)
    }
  }

  /// Random numbers belong to the program: each run draws those that running the operations at that time draws.
  func testRandomNumbersAreDrawnAnewInEveryRun() throws {
    let w = Tensor([2], [1, 2], requiresGrad: true)
    func loss(_ x: Tensor) throws -> Tensor {
      let noise = try apply("randn", [], ["shape": .numbers([3, 2]), "dtype": .text("float64")])
      let uniform = try apply("rand", [], ["shape": .numbers([3, 2]), "dtype": .text("float64")])
      return try apply("sum", [apply("mul", [apply("mul", [x, w]), apply("add", [noise, uniform])])])
    }
    let x = Tensor([3, 2], [1, 2, 3, 4, 5, 6])
    (Context.seed, Context.stream) = (3, 0)
    try Recorder.begin([x])
    let program = try Recorder.end([loss(x)])
    var losses: Set<Double> = []
    for _ in 0..<3 {
      let stream = Context.stream
      let replayed = try program.forward()
      losses.insert(replayed)
      XCTAssertEqual(try program.forward(probe: true), replayed)
      Context.stream = stream
      XCTAssertEqual(try loss(x).scalarValue, replayed)
    }
    XCTAssertEqual(losses.count, 3)
  }

  /// One operation for the product and the bias gives the bits of the two.
  func testLinearIsTheProductAndTheSum() throws {
    for dtype in [DType.float32, .float64] {
      var numbers = Numbers(seed: 2)
      let values = [numbers.array(7 * 40), numbers.array(33 * 40), numbers.array(33)]
      let shapes = [[7, 40], [33, 40], [33]]
      let results = try [true, false].map { fused in
        let inputs = zip(shapes, values).map { Tensor($0, $1, dtype, requiresGrad: true) }
        let y =
          fused
          ? try apply("linear", inputs)
          : try apply(
            "add", [apply("matmul", Array(inputs[..<2]), ["transpose_b": .numbers([1])]), inputs[2]])
        try Derivatives.backward(apply("mean", [apply("square", [y])]), seed: nil)
        return [y.values] + inputs.map { $0.grad!.values }
      }
      XCTAssertEqual(results[0], results[1])
    }
  }

  /// What a backward run knows of its gradients is so, and nothing is said of those that nobody looked at.
  func testBackwardKnowsWhichGradientsAreFinite() throws {
    let (x, w) = (Tensor([3, 4], [Double](repeating: 1, count: 12), .float32), [1.0, -2, 0.5, 1])
    let weight = Tensor([1, 4], w, .float32, requiresGrad: true)
    let bias = Tensor([1], [1], .float32, requiresGrad: true)
    try Recorder.begin([x])
    let program = try Recorder.end([apply("sum", [apply("linear", [x, weight, bias])])])
    func run(_ value: Double) throws -> Bool {
      let data = Tensor([3, 4], [Double](repeating: 1, count: 11) + [value], .float32)
      program.load([data], rows: [0, 1, 2])
      _ = try program.forward()
      try! program.backward()
      return weight.gradientIsFinite
    }
    XCTAssertTrue(try run(2))
    XCTAssertFalse(try run(.infinity))
    XCTAssertFalse(try run(.nan))
    XCTAssertTrue(try run(-1))
    XCTAssertFalse(bias.gradientIsFinite)
  }

  /// A batch that is copied by several threads.
  func testLargeBatchesAreLoadedWhole() throws {
    let (batch, width) = (200, 1000)
    let x = try! Tensor(shape: [batch, width], dtype: .float32)
    try Recorder.begin([x])
    let program = try Recorder.end([apply("sum", [x])])
    let data = Tensor([7, width], (0..<(7 * width)).map(Double.init), .float32)
    let rows = (0..<batch).map { Int64($0 * 5 % 7) }
    let before = ThreadPool.shared.threads
    defer { ThreadPool.shared.threads = before }
    for threads in [1, 3] {
      ThreadPool.shared.threads = threads
      x.storage.zero()
      program.load([data], rows: rows)
      XCTAssertEqual(x.values, rows.flatMap { row in (0..<width).map { Double(Int(row) * width + $0) } })
    }
  }

  func testLabelOutOfRangeIsAnError() throws {
    let x = Tensor([1, 2], [0.5, 1], requiresGrad: true)
    XCTAssertThrowsError(try apply("cross_entropy", [x, labels([2])])) { error in
      XCTAssertTrue("\(error)".contains("between 0 and 1, got 2"), "\(error)")
    }
  }

  /// A graph as long as this would overflow the stack if it were released recursively.
  func testLongGraphsAreReleased() throws {
    var x = Tensor([1], [1], requiresGrad: true)
    for _ in 0..<200_000 { x = try apply("affine", [x], ["scale": .numbers([1])]) }
    XCTAssertEqual(x.values, [1])
  }
}

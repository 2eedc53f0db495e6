import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Autodiff

final class BufferPlanTests: XCTestCase {
  override func tearDown() {
    Recorder.abort()
    (Context.seed, Context.stream) = (0, 0)
  }

  /// What a caller has in hand until it is let go of, as Python has.
  private final class Hand {
    private var tensors: [Tensor] = []
    func take(_ tensor: Tensor) -> Tensor {
      tensor.storage.hold()
      tensors.append(tensor)
      return tensor
    }
    func letGo() {
      for tensor in tensors { Recorder.letGo(tensor) }
      tensors = []
    }
  }

  private let w1 = Tensor([6, 6], (0..<36).map { 0.1 * Double($0 % 7) - 0.3 }, requiresGrad: true)
  private let w2 = Tensor([6, 1], [0.3, -0.2, 0.5, 0.1, 0.7, -0.4], requiresGrad: true)
  private let gain = Tensor([6], [1, 0.5, -1, 2, 1, 1], requiresGrad: true)

  /// Views, rows among them, sums that pass an input on, values that are read by several, dropout, attention, and an output besides.
  private func outputs(_ x: Tensor, _ hand: Hand = Hand()) throws -> [Tensor] {
    func run(_ name: String, _ inputs: [Tensor], _ attributes: [String: Attributes.Value] = [:]) throws
      -> Tensor
    { hand.take(try apply(name, inputs, attributes)) }
    let hidden = try run("relu", [run("add", [run("matmul", [x, w1]), gain])])
    let normal = try run("layer_norm", [hidden, gain, gain])
    let mixed = try run("attention", [normal, hidden, normal], ["causal": .numbers([1])])
    let both = try run("add", [hidden, run("dropout", [mixed], ["p": .numbers([0.4])])])
    let turned = try run("transpose", [run("reshape", [both], ["shape": .numbers([6, 4])])])
    let mapped = try run("matmul", [run("reshape", [turned], ["shape": .numbers([4, 6])]), w1])
    let rows = try run("slice", [both], ["bounds": .numbers([1, 3, 1, 0, 6, 1])])
    let part = try run("slice", [mapped], ["bounds": .numbers([2, 0, 0, 0, 6, 1])])
    let again = try run("add", [run("mul", [mapped, part]), run("sum", [rows], ["axes": .numbers([0])])])
    let bent = try run("mul", [run("tanh", [again]), run("sub", [again, both])])
    let output = try run("matmul", [run("softmax", [bent]), w2])
    return [try run("mean", [run("square", [output])]), output]
  }

  private func program(_ hand: Hand) throws -> Program {
    let x = Tensor([4, 6], (0..<24).map { Double($0 % 5) - 1.5 })
    (Context.seed, Context.stream) = (5, 0)
    try Recorder.begin([x])
    let outputs = try outputs(x, hand)
    // All but the outputs, as when the function that made them has returned.
    for output in outputs { output.storage.hold() }
    hand.letGo()
    return try Recorder.end(outputs)
  }

  /// Whether memory is shared or every value has its own, a run gives the bits of the operations, for any batch.
  func testSharedMemoryChangesNoBit() throws {
    var numbers = Numbers(seed: 3)
    let data = Tensor([9, 6], numbers.array(54))
    for (hand, keeps) in [(Hand(), false), (Hand(), true)] {
      let program = try program(hand)
      if keeps { try program.keepValues() }
      for rows in [[0, 5, 2, 8], [3, 3, 1, 7]] as [[Int64]] {
        let stream = Context.stream
        program.load([data], rows: rows)
        let loss = try program.forward()
        try! program.backward()
        XCTAssertEqual(try program.forward(probe: true), loss)
        try! program.backward()
        let replayed = program.leaves.map { $0.grad!.values }
        for leaf in program.leaves { leaf.grad = nil }
        Context.stream = stream
        let batch = Tensor([4, 6], rows.flatMap { r in (0..<6).map { data.values[6 * Int(r) + $0] } })
        let eager = try outputs(batch)
        try Derivatives.backward(eager[0], seed: nil)
        XCTAssertEqual(loss, eager[0].scalarValue)
        XCTAssertEqual(program.outputs[1].values, eager[1].values)
        XCTAssertEqual(replayed, program.leaves.map { $0.grad!.values })
        for leaf in program.leaves { leaf.grad = nil }
      }
    }
  }

  /// A chain of products with ReLU keeps one value for each product: its factor.
  func testValuesThatNoDerivativeReadsAreNotKept() throws {
    let (rows, width, depth) = (64, 64, 12)
    let block = 8 * rows * width
    let (x, w) = (Tensor([rows, width], [Double](repeating: 0.1, count: rows * width)), try! eye(width))
    func bytes(_ depth: Int, _ keeps: Bool) throws -> (held: Int, peak: Int) {
      w.grad = nil
      let before = MemoryUse.measure(reset: true).now
      let hand = Hand()
      try Recorder.begin([x])
      var y = x
      for _ in 0..<depth {
        let next = try apply("relu", [hand.take(try apply("matmul", [y, w]))])
        hand.letGo()
        y = hand.take(next)
      }
      let loss = try apply("mean", [y])
      hand.letGo()
      let program = try Recorder.end([loss])
      if keeps { try program.keepValues() }
      _ = try program.forward()
      try! program.backward()
      let use = MemoryUse.measure()
      return withExtendedLifetime(program) { (use.now - before, use.peak - before) }
    }
    for keeps in [false, true] {
      let (shallow, deep) = (try bytes(2, keeps), try bytes(2 + depth, keeps))
      XCTAssertEqual(deep.held - shallow.held, depth * block)
      XCTAssertLessThanOrEqual(deep.peak - shallow.peak, depth * block)
    }
    // One product that is pulled through, one that waits, and the weight's gradient.
    XCTAssertLessThan(try bytes(2, false).held, (2 + 3) * block + 1024)
  }

  private func eye(_ n: Int) throws -> Tensor {
    Tensor([n, n], (0..<(n * n)).map { $0 % (n + 1) == 0 ? 1 : 0 }, requiresGrad: true)
  }

  /// While a loss is recorded, memory holds what is in somebody's hands, and no more.
  func testARecordingKeepsNoValues() throws {
    let n = 1 << 13
    let x = Tensor([n], [Double](repeating: 1, count: n), requiresGrad: true)
    let hand = Hand()
    let before = MemoryUse.measure(reset: true).now
    try Recorder.begin([])
    var y = x
    for _ in 0..<20 {
      let next = try apply("tanh", [y])
      hand.letGo()
      y = hand.take(next)
    }
    XCTAssertEqual(MemoryUse.measure().now - before, 8 * n)
    XCTAssertEqual(MemoryUse.measure().peak - before, 16 * n)
    expectFailure(.recording, ["let go of by a record"]) {
      try Derivatives.backward(apply("sum", [y]), seed: nil)
    }
    Recorder.abort()
    expectFailure(.value, ["let go of by a record"]) { try Derivatives.backward(y, seed: y) }
  }

  /// What somebody has in hand is not given to others, and is what the last run computed.
  func testWhatIsInHandKeepsItsPlace() throws {
    let x = Tensor([3], [1, 2, 3])
    let w = Tensor([3], [1, -1, 2], requiresGrad: true)
    try Recorder.begin([x])
    let seen = try apply("mul", [x, w])
    seen.storage.hold()
    let detached = seen.detached()
    let loss = try apply("sum", [apply("exp", [apply("affine", [seen], ["scale": .numbers([0.5])])])])
    let program = try Recorder.end([loss])
    for step in [5.0, -1] {
      x.pointer.storeBytes(of: step, as: Double.self)
      _ = try program.forward()
      try! program.backward()
      XCTAssertEqual(seen.values, [step, -2, 6])
      XCTAssertEqual(detached.values, seen.values)
    }
  }

  /// After a run memory holds other values than those that derivatives are computed from: nobody is told wrong ones.
  func testSweepsOverARecordAreRefusedUnlessValuesAreKept() throws {
    let program = try program(Hand())
    _ = try program.forward()
    try! program.backward()
    let directions = program.leaves.map { leaf in
      (leaf: leaf, vector: Tensor(leaf.shape, (0..<leaf.count).map { 0.1 * Double($0 % 3) }).storage)
    }
    expectFailure(.value, ["let go of by a record"]) {
      try Derivatives.curvature(program.loss, along: directions)
    }
    try program.keepValues()
    let stream = Context.stream
    _ = try program.forward()
    try! program.backward()
    let found = try Derivatives.curvature(program.loss, along: directions)
    Context.stream = stream
    let eager = try outputs(program.inputs[0])[0]
    XCTAssertEqual(found, try Derivatives.curvature(eager, along: directions))
    XCTAssertNotEqual(found, 0)
  }

  /// Every operation says right which values its derivatives read: all others are destroyed before they are taken.
  func testDerivativesReadWhatTheySay() throws {
    for operation in Catalogue.operations where operation.family != .plain {
      for i in operation.examples.indices {
        let example = DerivativeCase(operation, example: i, seed: 17)
        let (kept, lost) = (try products(example, destroying: false), try products(example, destroying: true))
        XCTAssertEqual(kept, lost, example.label)
      }
    }
  }

  /// Gradient, tangent and Hessian products of a function of an operation.
  private func products(_ example: DerivativeCase, destroying: Bool) throws -> [[Double]] {
    var numbers = Numbers(seed: 4)
    // Through a sum with zeros, so that no input is a leaf.
    let leaves = zip(example.shapes, example.values).map { Tensor($0, $1, requiresGrad: true) }
    let inputs = try leaves.map { try apply("affine", [$0], ["scale": .numbers([1])]) }
    let y = try example.run(inputs)
    let seed = Tensor(y.shape, numbers.array(y.count))
    let stacks = leaves.map { Tensor([2] + $0.shape, numbers.array(2 * $0.count)) }
    let loss = try apply("sum", [apply("mul", [apply("square", [y]), seed])])
    let graph = Graph(loss)
    if destroying {
      var read: Set<ObjectIdentifier> = []
      for node in graph.nodes {
        for k in node.inputs.indices where node.op!.reads(node.inputs, k) {
          read.insert(ObjectIdentifier(node.inputs[k].storage.whole))
        }
        if node.op!.readsOutput { read.insert(ObjectIdentifier(node.storage.whole)) }
      }
      for node in graph.nodes where !read.contains(ObjectIdentifier(node.storage.whole)) {
        fill(node.dtype.scalar, node.pointer, node.count, .nan)
      }
    }
    let gradients = try Derivatives.gradients(loss, seed: nil, leaves)
    let tangent = try Derivatives.jvp(loss, leaves, stacks)
    return (gradients + [tangent] + (try Derivatives.hvp(loss, leaves, stacks))).map { $0?.values ?? [] }
  }
}

import Kernels
import Vocabulary

/// A recorded loss: the list of its operations with all their buffers, run again on other inputs without allocation.
///
/// Parameters are the leaves it was recorded on; their values are read anew at each run, so an optimizer may change
/// them in place.
public final class Program: @unchecked Sendable {
  public let inputs: [Tensor]
  public let outputs: [Tensor]
  /// Leaves that the loss depends on, with their gradients after `backward`.
  public let leaves: [Tensor]
  private let leafGradients: [Tensor]
  /// Of single precision, where squares that a sum of squares would meet cannot overflow it.
  private let watches: [FiniteWatch?]
  /// Of leaves that are tables.
  private let filled: [FilledRows?]
  private let steps: [Recorder.Step]
  let nodes: [Tensor]
  private let random: [(stream: RandomStream, offset: UInt64)]
  private let streamCount: UInt64
  private let plan: BufferPlan
  private var keepsValues = false
  /// What effects write, and a place to keep what was there.
  private let effects: [(storage: Storage, before: Storage)]

  public var loss: Tensor { outputs[0] }

  /// Lets nobody else work on what a run writes, and on `others`; nil where sweeps of other threads took all of `seconds`
  /// to end.
  public func claim(and others: [Tensor], seconds: Double) throws -> Claim? {
    try Claim.take("a run of a program", isRun: true, nodes + leaves + others, seconds: seconds)
  }

  init(_ recorder: Recorder, _ outputs: [Tensor]) throws {
    guard let loss = outputs.first, loss.count == 1, loss.dtype.isFloating else {
      throw Failure.shape(
        "the recorded loss must be a scalar of a floating dtype, got shape "
          + "\(describe(outputs.first?.shape ?? [])) and dtype \(outputs.first?.dtype.name ?? "none")")
    }
    inputs = recorder.inputs
    self.outputs = outputs
    steps = try Recorder.pooledBeforeRectified(Program.needed(recorder.steps, outputs), outputs)
    let graph = Graph(loss)
    nodes = loss.requiresGrad ? graph.nodes : []
    leaves = loss.requiresGrad ? graph.leaves : []
    leafGradients = try leaves.map { try Tensor(shape: $0.shape, dtype: $0.dtype) }
    watches = leaves.map { $0.dtype == .float32 ? FiniteWatch() : nil }
    let tables = Set(steps.filter { $0.op is GatherOp }.map { ObjectIdentifier($0.inputs[0]) })
    filled = zip(leaves, leafGradients).map { leaf, gradient in
      tables.contains(ObjectIdentifier(leaf)) ? FilledRows(gradient.storage) : nil
    }
    random = recorder.steps.compactMap { step in
      step.op.random.map { ($0, $0.stream &- recorder.firstStream) }
    }
    streamCount = Context.stream &- recorder.firstStream
    effects = try Program.buffers(of: steps).map { ($0, try $0.copy()) }
    let fixed = effects.map(\.storage) + outputs.map(\.storage)
    plan = BufferPlan(steps, nodes, fixed: Set(fixed.map { ObjectIdentifier($0.whole) }))
    try plan.place(keepsValues: false)
  }

  /// Steps that an output depends on, and effects with all they need.
  private static func needed(_ steps: [Recorder.Step], _ outputs: [Tensor]) -> [Recorder.Step] {
    var wanted = Set(outputs.map { ObjectIdentifier($0.storage.whole) })
    var kept: [Recorder.Step] = []
    for step in steps.reversed()
    where step.op.isEffect || wanted.contains(ObjectIdentifier(step.output.storage.whole)) {
      kept.append(step)
      for input in step.inputs { wanted.insert(ObjectIdentifier(input.storage.whole)) }
    }
    return kept.reversed()
  }

  /// From the next run on, values that derivatives are computed from are there after `backward`, too, for second ones.
  public func keepValues() throws {
    guard !keepsValues else { return }
    try plan.place(keepsValues: true)
    keepsValues = true
  }

  private static func buffers(of steps: [Recorder.Step]) -> [Storage] {
    var found: [Storage] = []
    for step in steps where step.op.isEffect {
      for written in step.op.written(step.inputs) where !found.contains(where: { $0 === written }) {
        found.append(written)
      }
    }
    return found
  }

  /// Runs a step that may lack memory: then effects and random numbers are as if it had not begun.
  public func attempt<Result>(_ step: () throws -> Result) throws -> Result {
    let stream = Context.stream
    for effect in effects { effect.before.copyContents(from: effect.storage) }
    do {
      return try step()
    } catch let failure as Failure where failure.kind == .memory {
      Context.stream = stream
      for effect in effects { effect.storage.copyContents(from: effect.before) }
      throw failure
    }
  }

  /// Evaluates the loss. A probe repeats the random numbers of the last run and leaves out effects, running statistics, which
  /// may also be left out alone.
  public func forward(probe: Bool = false, keepsStatistics: Bool = false) throws -> Double {
    if !probe {
      let first = Context.stream
      for (source, offset) in random {
        source.seed = Context.seed
        source.stream = first &+ offset
      }
      Context.stream = first &+ streamCount
    }
    for step in steps where !((probe || keepsStatistics) && step.op.isEffect) {
      try step.op.forward(step.inputs, step.output)
      try Refusal.check()
    }
    return loss.scalarValue
  }

  /// Puts the gradient of the loss at the last forward run into `grad` of every leaf, overwriting what is there, and
  /// learns on the way whether it is finite where the operations can tell.
  public func backward() throws {
    for i in leaves.indices {
      watches[i]?.reset()
      leaves[i].gradient = SweepBuffer(
        storage: leafGradients[i].storage, rows: filled[i], watch: watches[i])
    }
    for node in nodes { node.gradient.ready = false }
    guard !nodes.isEmpty else { return }
    do {
      let (seed, _) = try loss.gradient.receive(loss.byteCount)
      fill(loss.dtype.scalar, seed, 1, 1)
      for node in nodes.reversed() { try pullThrough(node) }
    } catch {
      // What was there is overwritten in part, so it is no gradient any more.
      for (leaf, gradient) in zip(leaves, leafGradients) {
        leaf.gradient.clear()
        if leaf.grad === gradient { leaf.grad = nil }
      }
      throw error
    }
    for (i, leaf) in leaves.enumerated() {
      leaf.gradientIsFinite = leaf.gradient.ready && leaf.gradient.isWatched && watches[i]!.isFinite
      // The next sweep over this leaf, which may be another program's, must not write into this gradient.
      if leaf.gradient.ready { leaf.grad = leafGradients[i] }
      leaf.gradient.clear()
    }
  }

  /// Copies rows of whole arrays into the inputs: row r of input i becomes data[i][rows[r]].
  public func load(_ data: [Tensor], rows: UnsafePointer<Int64>) {
    for (input, source) in zip(inputs, data) {
      let batch = input.shape[0]
      let rowBytes = batch == 0 ? 0 : input.byteCount / batch
      func copy(_ low: Int, _ high: Int) {
        for r in low..<high {
          (input.pointer + r * rowBytes).copyMemory(
            from: source.pointer + Int(rows[r]) * rowBytes, byteCount: rowBytes)
        }
      }
      let shares = batch * rowBytes / Program.share
      if shares < 2 {
        copy(0, batch)
      } else {
        ThreadPool.shared.run(shares) { copy(batch * $0 / shares, batch * ($0 + 1) / shares) }
      }
    }
  }

  /// Bytes of a batch that are worth a share of a thread's.
  private static let share = 1 << 16

  /// What `load` relies on.
  public func check(_ data: [Tensor], rows: UnsafePointer<Int64>, _ count: Int, batch: Int) throws {
    guard data.count == inputs.count else {
      throw Failure.value("the program takes \(inputs.count) arrays, got \(data.count)")
    }
    for (i, (input, source)) in zip(inputs, data).enumerated() {
      guard input.rank >= 1, source.rank == input.rank, source.shape.dropFirst() == input.shape.dropFirst(),
        source.dtype == input.dtype, input.shape[0] == batch
      else {
        throw Failure.shape(
          "array \(i) has shape \(describe(source.shape)) and dtype \(source.dtype.name); the program was recorded for "
            + "batches \(describe(input.shape)) of \(input.dtype.name)")
      }
    }
    let length = data.map { $0.shape[0] }.min() ?? 0
    for i in 0..<count where rows[i] < 0 || rows[i] >= length {
      throw Failure.value("indices: row \(rows[i]) is outside the data, which has \(length) rows")
    }
  }
}

import Autodiff
import Kernels
import Optimization
import Vocabulary

/// Reverse mode: snapshots of a run, from which it is gone over again where points between them are wanted, and the
/// adjoints on the way back.
final class Trajectory {
  private final class Snapshot {
    let vectors: [Storage]
    var stream: UInt64 = 0
    var step = 0

    /// Parameters first, then the state of each.
    init(like parameters: [Tensor], _ state: [[Storage]]) throws {
      vectors = try (parameters.map(\.storage) + state.joined()).map { try Storage(byteCount: $0.byteCount) }
    }

    /// stream: of the random numbers that the step draws.
    func take(_ parameters: [Tensor], _ state: [[Storage]], step: Int, stream: UInt64) {
      for (target, source) in zip(vectors, parameters.map(\.storage) + state.joined()) {
        target.copyContents(from: source)
      }
      (self.step, self.stream) = (step, stream)
    }

    func restore(_ parameters: [Tensor], _ state: [[Storage]]) {
      for (target, source) in zip(parameters.map(\.storage) + state.joined(), vectors) {
        target.copyContents(from: source)
      }
      Context.stream = stream
    }

    func put(_ out: inout EpisodeBytes) {
      out.put(stream)
      for vector in vectors { out.put(vector.pointer, vector.byteCount) }
    }

    func take(_ source: inout EpisodeBytes, step: Int) throws {
      stream = try source.word()
      for vector in vectors { try source.take(vector.pointer, vector.byteCount) }
      self.step = step
    }
  }

  /// What comes next on the way back.
  enum Stretch: Equatable {
    /// These steps are taken again.
    case replay(Range<Int>)
    /// These are gone back over, the last one first.
    case retreat(Range<Int>)
  }

  private let kernels: AdjointKernels
  private let plan: ReplayPlan
  private let horizon: Int
  private let steps: Int
  /// By step; the first ones stay longest.
  private var snapshots: [Snapshot] = []
  private var free: [Snapshot] = []
  /// The step before which the next snapshot is taken.
  private var next = 0
  /// Of the steps since `first`, as they were when they were taken first.
  private var losses: [Double] = []
  private var first = 0
  /// Where the horizon ended; gone back to when all is done.
  private var end: Snapshot?
  private(set) var isReturning = false
  /// The step whose point the parameters are at on the way back, where one has been gone to.
  private var current: Int?
  /// By parameter.
  private let adjoint: [Storage]
  private let stateAdjoint: [[Storage]]
  private let gradientAdjoint: [Storage]
  private let products: [Storage]

  /// By scalar: the product of the second derivatives by it and by parameters with the adjoint of the gradient.
  private let mixed: [Tensor]

  /// horizon: steps between two ends; the last one may be earlier.
  init(
    _ parameters: [Tensor], scalars: [Tensor], slots: Int, _ plan: ReplayPlan, steps: Int, horizon: Int,
    _ kernels: AdjointKernels
  ) throws {
    (self.plan, self.steps, self.horizon, self.kernels) = (plan, steps, horizon, kernels)
    adjoint = try parameters.map { try Storage(zeroed: $0.byteCount) }
    stateAdjoint = try parameters.map { p in try (0..<slots).map { _ in try Storage(zeroed: p.byteCount) } }
    gradientAdjoint = try parameters.map { try Storage(zeroed: $0.byteCount) }
    products = try parameters.map { try Storage(zeroed: $0.byteCount) }
    mixed = try scalars.map { try Tensor(shape: $0.shape, dtype: $0.dtype) }
  }

  /// Steps that are still to be gone back over.
  var length: Int { losses.count }

  // MARK: - Forwards

  /// A step is about to leave a point. Its loss is known.
  func keep(_ episode: Episode, _ loss: Double, _ stream: UInt64) throws {
    try keep(episode, episode.step, until: min(first + horizon, steps) + 1, stream)
    losses.append(loss)
  }

  /// Takes a snapshot where the plan wants one. end: one beyond the last point that will be wanted.
  private func keep(_ episode: Episode, _ step: Int, until end: Int, _ stream: UInt64) throws {
    guard step == next, snapshots.count < plan.snapshots else { return }
    let snapshot = try free.popLast() ?? Snapshot(like: episode.parameters, episode.state)
    snapshot.take(episode.parameters, episode.state, step: step, stream: stream)
    snapshots.append(snapshot)
    aim(from: step, until: end)
  }

  /// Where the snapshot after the last one will be.
  private func aim(from step: Int, until end: Int) {
    let left = plan.snapshots - snapshots.count + 1
    next = left > 1 && end - step > 1 ? step + ReplayPlan(snapshots: left).distance(end - step) : .max
  }

  /// The end of a horizon: the way back begins with the gradient there.
  func seed(_ episode: Episode, _ gradient: [Storage]) throws {
    guard !losses.isEmpty else { return }
    let end = try self.end ?? Snapshot(like: episode.parameters, episode.state)
    end.take(episode.parameters, episode.state, step: episode.step, stream: Context.stream)
    self.end = end
    isReturning = true
    current = nil
    for (target, source) in zip(adjoint, gradient) { target.copyContents(from: source) }
    for state in stateAdjoint.joined() { state.zero() }
  }

  // MARK: - Backwards

  /// Nil where there is nothing to go back over.
  var stretch: Stretch? {
    guard isReturning, let top = snapshots.last else { return nil }
    let last = first + losses.count - 1
    if let current, current < last { return .replay(current..<last) }
    if current == nil, top.step < last { return .replay(top.step..<last) }
    var low = last
    var below = current == nil ? snapshots.count - 2 : snapshots.count - 1
    while below >= 0, snapshots[below].step == low - 1 {
      low -= 1
      below -= 1
    }
    return .retreat(low..<(last + 1))
  }

  /// Takes a step again, whose batch is loaded. Returns its loss.
  func replay(_ episode: Episode, _ placement: Episode.Placement) throws -> Double {
    let last = first + losses.count - 1
    if current == nil {
      let top = snapshots.last!
      top.restore(episode.parameters, episode.state)
      current = top.step
      aim(from: top.step, until: last + 1)
    }
    let t = current!
    let stream = Context.stream
    let loss = try evaluate(episode, placement, t)
    try keep(episode, t, until: last + 1, stream)
    episode.take(placement, at: t)
    current = t + 1
    return loss
  }

  /// Evaluates step t once more, which must give what it gave.
  private func evaluate(_ episode: Episode, _ placement: Episode.Placement, _ t: Int) throws -> Double {
    let loss = try episode.evaluate(placement.program, at: t)
    let before = losses[t - first]
    guard loss.bitPattern == before.bitPattern else {
      throw Failure.value(
        "the loss of step \(t) was \(describe(before)) and is \(describe(loss)) when the step is taken again: reverse mode "
          + "needs a loss and batches that are the same each time")
    }
    return loss
  }

  /// Back over the step before, whose batch is loaded. Returns its loss.
  func retreat(_ episode: Episode, _ placement: Episode.Placement) throws -> Double {
    let t = first + losses.count - 1
    if current != t {
      let top = snapshots.removeLast()
      top.restore(episode.parameters, episode.state)
      free.append(top)
    }
    current = nil
    let loss = try evaluate(episode, placement, t)
    let families = Array(episode.values.keys)
    var sums = (0..<episode.layerCount).map { _ in [Double](repeating: 0, count: families.count) }
    for case let index? in placement.parameter where episode.parameters[index].grad != nil {
      let adjoint = adjoint[index]
      let (s0, s1) = pointers(stateAdjoint[index], else: adjoint)
      let vectors = AdjointVectors(
        parameter: adjoint.pointer, state0: s0, state1: s1, gradient: gradientAdjoint[index].pointer)
      let now = episode.valuesInForce(t, index)
      let constants = { episode.rule.constants(now, t + 1, by: $0) }
      kernels.retreat(
        episode.vectors(index), vectors, constants(nil), families.map(constants),
        &sums[episode.layer(index)])
    }
    // The curvature is symmetric: what the gradient's adjoint says about the parameters is its product with it.
    try placement.replay!.multiply(
      1, placement.parameter.map { $0.map { gradientAdjoint[$0] } },
      into: zip(placement.parameter, placement.scalar).map { parameter, scalar in
        parameter.map { products[$0] } ?? scalar.map { mixed[$0].storage }
      })
    for case let index? in placement.scalar {
      let number = episode.number(.scalar(index), 0, t)
      if episode.isTracked[number] { episode.hypergradients[number] += mixed[index].scalarValue }
    }
    for case let index? in placement.parameter {
      let (p, sum) = (episode.parameters[index], adjoint[index].pointer)
      addScaled(p.dtype.scalar, sum, products[index].pointer, 1, sum, p.count)
    }
    for (i, family) in families.enumerated() {
      for (layer, sum) in sums.enumerated() {
        let number = episode.number(.family(family), layer, t)
        if episode.isTracked[number] { episode.hypergradients[number] += sum[i] }
      }
    }
    losses.removeLast()
    if losses.isEmpty {
      if t == 0 {
        for (i, p) in episode.parameters.enumerated() {
          episode.scales[i] = innerProduct(p.dtype.scalar, adjoint[i].pointer, p.pointer, p.count)
        }
      }
      end!.restore(episode.parameters, episode.state)
      (isReturning, first) = (false, end!.step)
      next = first
    }
    return loss
  }

  // MARK: - As bytes

  /// The horizon's first snapshot, from which all others are made again, and on the way back its end and the adjoints.
  func put(_ out: inout EpisodeBytes) {
    for number in [isReturning ? 1 : 0, first, losses.count] { out.put(number) }
    for loss in losses { out.put(loss) }
    guard let start = snapshots.first else { return }
    start.put(&out)
    guard isReturning, let end else { return }
    end.put(&out)
    for storage in adjoint + stateAdjoint.joined() { out.put(storage.pointer, storage.byteCount) }
  }

  func take(_ source: inout EpisodeBytes, _ episode: Episode, _ stream: UInt64) throws {
    isReturning = try source.integer("way back", 0...1) == 1
    first = try source.integer("first step", 0...steps)
    let count = try source.integer("steps", 0...min(horizon, steps - first))
    guard isReturning ? count > 0 && episode.step >= first + count : episode.step == first + count else {
      throw Failure.value("the bytes of another run: \(count) steps from \(first) on, \(episode.step) taken")
    }
    losses = try (0..<count).map { _ in try source.number() }
    (snapshots, free, end, current, next) = ([], [], nil, nil, first)
    guard count > 0 else { return }
    snapshots = [try Snapshot(like: episode.parameters, episode.state)]
    try snapshots[0].take(&source, step: first)
    if isReturning {
      let end = try Snapshot(like: episode.parameters, episode.state)
      try end.take(&source, step: episode.step)
      self.end = end
      for storage in adjoint + stateAdjoint.joined() { try source.take(storage.pointer, storage.byteCount) }
    } else {
      // Where the run stands it is worth a snapshot: what was kept before is not there.
      next = episode.step < min(first + horizon, steps) ? episode.step : .max
      try keep(episode, episode.step, until: min(first + horizon, steps) + 1, stream)
    }
  }
}

extension Episode {
  /// What comes next on the way back: whether steps low ..< high are taken again, else they are gone back over. Nil where
  /// there is no way back.
  public var stretch: (replays: Bool, low: Int, high: Int)? {
    switch trajectory?.stretch {
    case .replay(let range): (true, range.lowerBound, range.upperBound)
    case .retreat(let range): (false, range.lowerBound, range.upperBound)
    case nil: nil
    }
  }

  /// Takes steps again, from where `stretch` says.
  public func replay(
    _ program: Program, _ batches: Batches, done: inout Int, losses: UnsafeMutablePointer<Double>
  ) throws {
    guard let trajectory, case .replay(let range) = trajectory.stretch, batches.steps <= range.count else {
      throw Failure.value("there are not \(batches.steps) steps to take again")
    }
    let placement = try placement(program, differentiated: true)
    try batches.run(program, touching: parameters + scalars, done: &done) { i in
      losses[i] = try trajectory.replay(self, placement)
      return true
    }
  }

  /// Goes back over as many steps as there are batches, which are those of the run in reverse order.
  public func retreat(
    _ program: Program, _ batches: Batches, done: inout Int, losses: UnsafeMutablePointer<Double>
  ) throws {
    guard let trajectory, trajectory.isReturning, trajectory.length >= batches.steps else {
      throw Failure.value(
        "there are \(trajectory?.length ?? 0) steps to go back over; reverse mode, after collect, as many as were taken"
      )
    }
    guard case .retreat(let range) = trajectory.stretch, batches.steps <= range.count else {
      throw Failure.value("there are steps to take again first")
    }
    let placement = try placement(program, differentiated: true)
    try batches.run(program, touching: parameters + scalars, done: &done) { i in
      losses[i] = try trajectory.retreat(self, placement)
      return true
    }
  }
}

import Autodiff
import Kernels
import Optimization
import Vocabulary

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Z and C of forward mode: the derivatives of parameters and of the optimizer's state, a column per hyperparameter value
/// in use. Columns that have begun lie side by side in the order in which they did, so that products with the Hessian are
/// taken of whole tiles, and those not yet begun cost nothing.
final class TangentColumns {
  private let parameters: [Tensor]
  private let tracked: Set<Int>
  private let width: Int
  private let kernels: TangentKernels
  /// Column in each place; `moving` places hold more than zeros.
  private(set) var live: [Int] = []
  /// By parameter: [columns, count].
  private let tangents: [Storage]
  /// By parameter and state vector: [columns, count].
  private let states: [[Storage]]
  /// By parameter: the Hessian times the tangents of a tile, [width, count].
  private let products: [Storage]
  /// By scalar: its own tangents, [width].
  private let units: [Storage]
  /// By first place: the tangents from there on, by parameter.
  private let views: [[Storage]]
  private let room: UnsafeMutableBufferPointer<TangentColumn>

  init(
    _ parameters: [Tensor], scalars: [Tensor], slots: Int, tracked: [Int], width: Int,
    _ kernels: TangentKernels
  ) throws {
    units = try scalars.map { try Storage(zeroed: width * $0.byteCount) }
    self.parameters = parameters
    self.tracked = Set(tracked)
    self.width = width
    self.kernels = kernels
    // All memory is touched now: a run of any length then stays as large as it is.
    let count = tracked.count
    tangents = try parameters.map { try Storage(zeroed: count * $0.byteCount) }
    states = try parameters.map { p in try (0..<slots).map { _ in try Storage(zeroed: count * p.byteCount) } }
    products = try parameters.map { try Storage(zeroed: width * $0.byteCount) }
    let whole = tangents
    views = (0..<count).map { low in
      zip(parameters, whole).map { p, storage in
        Storage(viewing: storage, offset: low * p.byteCount, byteCount: (count - low) * p.byteCount)
      }
    }
    room = .allocate(capacity: max(1, width))
  }

  deinit { room.deallocate() }

  /// One step on duals, before the step itself.
  func advance(_ episode: Episode, _ placement: Episode.Placement) throws {
    let moving = live.count
    begin(episode)
    guard !live.isEmpty else { return }
    // Tiles of nearly equal size: nine columns are swept as five and four rather than eight and one.
    let tiles = (live.count + width - 1) / width
    for tile in 0..<tiles {
      let (low, high) = (tile * live.count / tiles, (tile + 1) * live.count / tiles)
      try multiply(placement, low, high, moves(episode, low, high) ? high : moving)
      for case let index? in placement.parameter where parameters[index].grad != nil {
        let now = episode.valuesInForce(episode.step, index)
        for place in low..<high {
          let column = episode.columns[live[place]]
          var family: Hyperparameter?
          if case .family(let own) = column.source, episode.isInForce(column, episode.step),
            column.layer == nil || column.layer == episode.layer(index)
          {
            family = own
          }
          let constants = episode.rule.constants(now, episode.step + 1, by: family)
          room[place - low] = self.column(index, place, place - low, constants)
        }
        kernels.advance(episode.vectors(index), UnsafeBufferPointer(rebasing: room[..<(high - low)]))
      }
    }
  }

  /// Columns that this step is the first to use.
  private func begin(_ episode: Episode) {
    for (number, column) in episode.columns.enumerated()
    where tracked.contains(number) && !live.contains(number)
      && episode.isInForce(column, episode.step)
    {
      let place = live.count
      live.append(number)
      for (i, p) in parameters.enumerated() {
        for storage in [tangents[i]] + states[i] {
          memset(storage.pointer + place * p.byteCount, 0, p.byteCount)
        }
      }
    }
  }

  /// Whether a scalar is in force in a tile: then also a column that begins has second derivatives. Makes the scalars' own
  /// tangents, 1 in its column.
  private func moves(_ episode: Episode, _ low: Int, _ high: Int) -> Bool {
    var found = false
    for (i, scalar) in episode.scalars.enumerated() {
      for place in low..<high {
        let column = episode.columns[live[place]]
        let isOwn = column.source == .scalar(i) && episode.isInForce(column, episode.step)
        found = found || isOwn
        fill(
          scalar.dtype.scalar, units[i].pointer + (place - low) * scalar.byteCount, 1, isOwn ? 1 : 0)
      }
    }
    return found
  }

  /// The Hessian times the columns low ..< high, of which those from `moving` on are zero.
  private func multiply(_ placement: Episode.Placement, _ low: Int, _ high: Int, _ moving: Int) throws {
    let count = min(max(moving - low, 0), high - low)
    if count > 0 {
      try placement.replay!.multiply(
        count,
        zip(placement.parameter, placement.scalar).map { parameter, scalar in
          parameter.map { views[low][$0] } ?? scalar.map { units[$0] }
        },
        into: placement.parameter.map { $0.map { products[$0] } })
    }
    for (i, p) in parameters.enumerated() where low + count < high {
      memset(products[i].pointer + count * p.byteCount, 0, (high - low - count) * p.byteCount)
    }
  }

  private func column(
    _ i: Int, _ place: Int, _ offset: Int, _ constants: StepConstants<Dual<Double>>
  ) -> TangentColumn {
    let bytes = parameters[i].byteCount
    let (s0, s1) = pointers(states[i], else: tangents[i])
    return TangentColumn(
      parameter: tangents[i].pointer + place * bytes, state0: s0 + place * bytes, state1: s1 + place * bytes,
      product: products[i].pointer + offset * bytes, constants: constants)
  }

  func innerProduct(_ place: Int, _ gradient: [Storage]) -> Double {
    var total = 0.0
    for (i, p) in parameters.enumerated() {
      total += Kernels.innerProduct(
        p.dtype.scalar, gradient[i].pointer, tangents[i].pointer + place * p.byteCount, p.count)
    }
    return total
  }

  /// As if the run began here.
  func forget() { live.removeAll(keepingCapacity: true) }

  // MARK: - As bytes

  private var vectors: [(Storage, byteCount: Int)] {
    parameters.indices.flatMap { i in ([tangents[i]] + states[i]).map { ($0, parameters[i].byteCount) } }
  }

  func put(_ out: inout EpisodeBytes) {
    out.put(live.count)
    for column in live { out.put(column) }
    for (storage, byteCount) in vectors { out.put(storage.pointer, live.count * byteCount) }
  }

  func take(_ source: inout EpisodeBytes) throws {
    let count = try source.integer("values in use", 0...tracked.count)
    let found = try (0..<count).map { _ in try source.integer() }
    guard tracked.isSuperset(of: found), Set(found).count == count else {
      throw Failure.value("the bytes of another run: it differentiates by the values \(found)")
    }
    for (storage, byteCount) in vectors { try source.take(storage.pointer, count * byteCount) }
    live = found
  }
}

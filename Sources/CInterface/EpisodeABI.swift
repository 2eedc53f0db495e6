import Autodiff
import CLRSwift
import Training
import Vocabulary

/// What batches are for.
enum EpisodePhase: Int32, CaseIterable {
  case train = 0
  case validate = 1
  /// Back over the steps since the last collect.
  case retreat = 2
  /// Steps of that way that are taken again first.
  case replay = 3
}

@c @implementation
public func lrs_episode_create(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ parameters: UnsafePointer<OpaquePointer?>!, _ count: Int,
  _ list: UnsafePointer<lrs_attribute>!, _ attribute_count: Int
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let parameters = try arrays(parameters, count, "parameters")
    out.pointee = retain(try Episode(parameters, try attributes("hypergradient", list, attribute_count)))
  }
}

@c @implementation
public func lrs_episode_destroy(_ episode: OpaquePointer!) { release(episode, Episode.self) }

@c @implementation
public func lrs_episode_run(
  _ steps_done: UnsafeMutablePointer<Int>!, _ losses: UnsafeMutablePointer<Double>!,
  _ episode: OpaquePointer!,
  _ program: OpaquePointer!, _ data: UnsafePointer<OpaquePointer?>!, _ data_count: Int,
  _ indices: UnsafePointer<Int64>!, _ step_count: Int, _ batch: Int, _ seconds: Double, _ phase: Int32
) -> lrs_status {
  succeeds {
    let done = try place(steps_done, "steps_done")
    done.pointee = 0
    let losses = try place(losses, "losses")
    let episode = try object(episode, Episode.self, "episode")
    let program = try object(program, Program.self, "program")
    let batches = try batches(data, data_count, indices, step_count, batch, seconds)
    switch EpisodePhase(rawValue: phase) {
    case .train: try episode.train(program, batches, done: &done.pointee, losses: losses)
    case .validate: try episode.validate(program, batches, done: &done.pointee, losses: losses)
    case .retreat: try episode.retreat(program, batches, done: &done.pointee, losses: losses)
    case .replay: try episode.replay(program, batches, done: &done.pointee, losses: losses)
    case nil: throw Failure.value("phase must be 0, 1, 2 or 3, got \(phase)")
    }
  }
}

@c @implementation
public func lrs_episode_collect(
  _ valid_loss: UnsafeMutablePointer<Double>!, _ episode: OpaquePointer!
) -> lrs_status {
  succeeds {
    let loss = try place(valid_loss, "valid_loss")
    loss.pointee = try object(episode, Episode.self, "episode").collect()
  }
}

@c @implementation
public func lrs_episode_stretch(
  _ phase: UnsafeMutablePointer<Int32>!, _ low: UnsafeMutablePointer<Int>!,
  _ high: UnsafeMutablePointer<Int>!, _ episode: OpaquePointer!
) -> lrs_status {
  succeeds {
    let (phase, low, high) = (try place(phase, "phase"), try place(low, "low"), try place(high, "high"))
    let next = try object(episode, Episode.self, "episode").stretch
    let kind: EpisodePhase = next.map { $0.replays ? .replay : .retreat } ?? .train
    (phase.pointee, low.pointee, high.pointee) = (kind.rawValue, next?.low ?? 0, next?.high ?? 0)
  }
}

@c @implementation
public func lrs_episode_get(
  _ out: UnsafeMutablePointer<Double>!, _ episode: OpaquePointer!, _ key: UnsafePointer<CChar>!
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let episode = try object(episode, Episode.self, "episode")
    switch try text(key, "key") {
    case "reverse": out.pointee = episode.mode == .reverse ? 1 : 0
    case "cost": out.pointee = episode.cost
    case "replays": out.pointee = Double(episode.replays)
    case let key: throw Failure.value("an episode has no '\(key)'")
    }
  }
}

@c @implementation
public func lrs_episode_hypergradients(
  _ out: UnsafeMutablePointer<Double>!, _ count: Int, _ episode: OpaquePointer!
) -> lrs_status {
  succeeds {
    let values = try object(episode, Episode.self, "episode").hypergradients
    try write(values, to: out, "out", count: count, owner: "run", things: "hypergradients")
  }
}

@c @implementation
public func lrs_episode_scales(
  _ out: UnsafeMutablePointer<Double>!, _ count: Int, _ episode: OpaquePointer!
) -> lrs_status {
  succeeds {
    let values = try object(episode, Episode.self, "episode").scales
    try write(values, to: out, "out", count: count, owner: "run", things: "parameters")
  }
}

@c @implementation
public func lrs_episode_save(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ episode: OpaquePointer!
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let bytes = try object(episode, Episode.self, "episode").saved()
    let tensor = try Tensor(shape: [bytes.count], dtype: .uint8)
    bytes.withUnsafeBytes { tensor.pointer.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    out.pointee = handle(tensor)
  }
}

@c @implementation
public func lrs_episode_load(_ episode: OpaquePointer!, _ bytes: OpaquePointer!) -> lrs_status {
  succeeds {
    let episode = try object(episode, Episode.self, "episode")
    let bytes = try object(bytes, Tensor.self, "bytes")
    guard bytes.dtype == .uint8 else {
      throw Failure.type("bytes must be of dtype uint8, got \(bytes.dtype.name)")
    }
    try episode.load(UnsafeRawBufferPointer(start: bytes.pointer, count: bytes.byteCount))
  }
}

@c @implementation
public func lrs_replay_distance(
  _ out: UnsafeMutablePointer<Int>!, _ snapshots: Int, _ points: Int
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    guard snapshots >= 1, points >= 2, points <= Int(Int32.max) else {
      throw Failure.value(
        "snapshots must be at least 1 and points 2 to \(Int32.max), got \(snapshots) and \(points)")
    }
    out.pointee = ReplayPlan(snapshots: snapshots).distance(points)
  }
}

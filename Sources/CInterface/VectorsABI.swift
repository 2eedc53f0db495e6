import CLRSwift
import Kernels
import Optimization
import Vocabulary

/// Vectors of another library, by address: what the caller says of their lengths is believed, what can be seen of an
/// address is checked.
private func address<P>(_ pointer: P?, _ dtype: DType, _ name: String, _ index: Int) throws -> P
where P: _Pointer {
  guard let pointer else { throw Failure.value("\(name) of vector \(index) must not be NULL") }
  guard Int(bitPattern: pointer) % dtype.byteCount == 0 else {
    throw Failure.value(
      "\(name) of vector \(index) must be aligned to its elements of \(dtype.byteCount) bytes")
  }
  return pointer
}

private func floating(_ dtype: lrs_dtype) throws -> DType {
  guard let type = DType(rawValue: dtype), type.isFloating else {
    throw Failure.type("vectors must be float32 or float64, got dtype \(dtype)")
  }
  return type
}

private func each<Entry>(
  _ list: UnsafePointer<Entry>?, _ count: Int, _ length: (Entry) -> Int64,
  _ body: (Int, Entry) throws -> Void
) throws {
  try checkCount(count, "vectors")
  if count > 0 && list == nil { throw Failure.value("vectors must not be NULL") }
  for i in 0..<count {
    guard length(list![i]) >= 0 else { throw Failure.value("vector \(i) must not have a negative length") }
    if length(list![i]) > 0 { try body(i, list![i]) }
  }
}

@c @implementation
public func lrs_vectors_products(
  _ out: UnsafeMutablePointer<Double>!, _ dtype: lrs_dtype, _ pairs: UnsafePointer<lrs_pair>!, _ count: Int
) -> lrs_status {
  succeeds {
    let (out, type) = (try place(out, "out"), try floating(dtype))
    try checkCount(count, "vectors")
    out.update(repeating: 0, count: count)
    try each(pairs, count, { $0.count }) { i, pair in
      let (a, b) = (try address(pair.a, type, "a", i), try address(pair.b, type, "b", i))
      out[i] = innerProduct(type.scalar, a, b, Int(pair.count))
    }
  }
}

private func rule(
  _ direction: UnsafePointer<CChar>?, _ list: UnsafePointer<lrs_attribute>?, _ count: Int, _ step: Double
) throws -> (any ConfiguredDirection, Int) {
  guard let t = wholeNumber(step), t >= 1 else {
    throw Failure.value("step must be \(Bounds.count), got \(step)")
  }
  let name = try text(direction, "direction")
  let made = try DirectionCatalogue.make(DirectionCatalogue.find(name), attributes(name, list, count))
  return (made, t)
}

@c @implementation
public func lrs_vectors_smoothing(
  _ factor: UnsafeMutablePointer<Double>!, _ direction: UnsafePointer<CChar>!,
  _ list: UnsafePointer<lrs_attribute>!, _ attribute_count: Int, _ step: Double
) -> lrs_status {
  succeeds {
    let factor = try place(factor, "factor")
    let (rule, t) = try rule(direction, list, attribute_count, step)
    factor.pointee = rule.slots.isEmpty ? 0 : rule.hyper(t).smoothing
  }
}

@c @implementation
public func lrs_vectors_direction(
  _ sums: UnsafeMutablePointer<Double>!, _ direction: UnsafePointer<CChar>!,
  _ list: UnsafePointer<lrs_attribute>!, _ attribute_count: Int, _ step: Double, _ dtype: lrs_dtype,
  _ vectors: UnsafePointer<lrs_vectors>!, _ count: Int
) -> lrs_status {
  succeeds {
    let (sums, type) = (try place(sums, "sums"), try floating(dtype))
    let (rule, t) = try rule(direction, list, attribute_count, step)
    let (kernels, hyper, slots) = (rule.kernels(type), rule.hyper(t), rule.slots.count)
    // a parameter that does not decay would be read for nothing
    let decays = hyper.decay != 0 || hyper.decoupledDecay != 0
    let checked = { (i: Int, v: lrs_vectors) throws -> RuleVectors in
      let parameter = try address(v.parameter, type, "parameter", i)
      let state0 = slots > 0 ? try address(v.state0, type, "state0", i) : parameter
      let state1 = slots > 1 ? try address(v.state1, type, "state1", i) : parameter
      let gradient = try address(v.gradient, type, "gradient", i)
      return RuleVectors(
        parameter: decays ? parameter : UnsafeMutableRawPointer(mutating: gradient), gradient: gradient,
        state0: state0, state1: state1, newState0: state0, newState1: state1, count: Int(v.count))
    }
    // all of them before the first is written
    var (places, parts, outs): ([Int], [RulePart], [UnsafeMutableRawPointer]) = ([], [], [])
    try each(vectors, count, { $0.count }) { i, v in
      places.append(i)
      parts.append(RulePart(kernels, try checked(i, v), hyper))
      outs.append(try address(v.direction, type, "direction", i))
    }
    sums.update(repeating: 0, count: 2 * count)
    for (i, found) in zip(places, findDirections(parts, into: outs)) {
      (sums[2 * i], sums[2 * i + 1]) = (found.slope, found.smoothedSlope)
    }
  }
}

@c @implementation
public func lrs_vectors_move(
  _ dtype: lrs_dtype, _ vectors: UnsafePointer<lrs_vectors>!, _ count: Int, _ rate: Double
) -> lrs_status {
  succeeds {
    let type = try floating(dtype)
    try each(vectors, count, { $0.count }) { i, v in
      _ = (try address(v.parameter, type, "parameter", i), try address(v.direction, type, "direction", i))
    }
    try each(vectors, count, { $0.count }) { _, v in
      addScaled(type.scalar, v.parameter, v.direction, -rate, v.parameter, Int(v.count))
    }
  }
}

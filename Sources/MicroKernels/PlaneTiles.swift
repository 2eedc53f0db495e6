import CVector

/// The leaves of convolution with few channels: vectors lie along pixels of one channel, so that neither one input channel
/// nor six outputs leave lanes idle. The input becomes planes, one for each channel and column of the kernel, whose rows
/// are as long as the output's: a tap is then one offset for all positions.

/// Outputs that one tile holds at most: forward by two vectors of positions, in the weight gradient by four taps.
public let tallestPlanes = tallest
#if WIDE_VECTORS
  public let tallestGradientPlanes = 6
#else
  public let tallestGradientPlanes = 2
#endif

/// Pixels that one tile of the forward pass takes: one or two runs of 16.
private let span = 2 * Vector.scalarCount

/// Channels of pixels side by side become planes.
public func fillPlanes(_ c: UnsafePointer<cv_plane_rows>) {
  let c = c.pointee
  let (rows, width, channels, plane) = (Int(c.rows), Int(c.width), Int(c.channels), Int(c.plane))
  for channel in 0..<channels {
    clear(reals(c.target) + channel &* plane, rows == 0 ? Int(c.size) : Int(c.first))
  }
  for row in 0..<rows {
    let place = Int(c.first) &+ row &* Int(c.row)
    fillRow(c, row &* Int(c.source_row), place)
    let zeros = row &+ 1 == rows ? Int(c.size) &- place &- width : Int(c.row) &- width
    for channel in 0..<channels { clear(reals(c.target) + (channel &* plane &+ place &+ width), zeros) }
  }
}

@inline(__always)
private func fillRow(_ c: cv_plane_rows, _ from: Int, _ to: Int) {
  let (source, target) = (reals(c.source) + from, reals(c.target) + to)
  let (width, channels) = (Int(c.width), Int(c.channels))
  let (pixel, plane) = (Int(c.source_pixel), Int(c.plane))
  if pixel == 1 {
    copy(source, target, width, false)
    return
  }
  var at = 0
  // The last pixel's group of four channels may reach three floats beyond it.
  while at < width && from &+ (at &+ lanes &- 1) &* pixel &+ channels &+ 3 <= Int(c.readable) {
    let (source, target) = (source + at &* pixel, target + at)
    var channel = 0
    while channel &+ lanes <= channels {
      transposeLanes(source + channel, pixel, lanes, target + channel &* plane, plane)
      channel &+= lanes
    }
    while channel < channels {
      pixelsToPlanes(
        source + channel, pixel, min(4, channels &- channel), target + channel &* plane, plane)
      channel &+= 4
    }
    at &+= lanes
  }
  while at < width {
    for channel in 0..<channels { target[channel &* plane &+ at] = source[at &* pixel &+ channel] }
    at &+= 1
  }
}

@_transparent
private func pixelsToPlanes(
  _ source: UnsafePointer<Real>, _ stride: Int, _ rows: Int, _ target: UnsafeMutablePointer<Real>, _ step: Int
) {
  #if DOUBLE_PRECISION
    cv_pixels_to_planes_f64(source, stride, rows, target, step)
  #else
    cv_pixels_to_planes_f32(source, stride, rows, target, step)
  #endif
}

@_transparent
private func planesToPixels(
  _ source: UnsafePointer<Real>, _ stride: Int, _ rows: Int, _ target: UnsafeMutablePointer<Real>, _ step: Int
) {
  #if DOUBLE_PRECISION
    cv_planes_to_pixels_f64(source, stride, rows, target, step)
  #else
    cv_planes_to_pixels_f32(source, stride, rows, target, step)
  #endif
}

/// Copies of planes for the columns of a kernel.
public func shiftPlanes(_ c: UnsafePointer<cv_plane_shifts>) {
  let c = c.pointee
  var to = reals(c.target)
  for plane in 0..<Int(c.planes) {
    for column in 0..<Int(c.count) {
      let from = reals(c.source) + (plane &* Int(c.source_plane) &+ Int(c.columns[column]))
      for row in 0..<Int(c.rows) {
        copyVectors(from + row &* Int(c.source_row), to + row &* Int(c.width), Int(c.width))
      }
      clear(to + Int(c.rows) &* Int(c.width), lanes)
      to += Int(c.target_plane)
    }
  }
}

/// Whole vectors, at least `count` floats.
@inline(__always)
private func copyVectors(_ from: UnsafePointer<Real>, _ to: UnsafeMutablePointer<Real>, _ count: Int) {
  var at = 0
  while at < count {
    store(load(from + at), to + at)
    at &+= Vector.scalarCount
  }
}

/// Whole vectors of zeros from p on, at least `count`.
@inline(__always)
private func clear(_ p: UnsafeMutablePointer<Real>, _ count: Int) {
  var at = 0
  while at < count {
    store(Vector(repeating: 0), p + at)
    at &+= Vector.scalarCount
  }
}

/// The sum of each position runs over the taps in order, whatever tile it falls into.
public func convolvePlanes(_ c: UnsafePointer<cv_planes>) {
  let (outputs, groups) = (Int(c.pointee.outputs), Int(c.pointee.groups))
  let sums = reals(c.pointee.sums)
  for i in 0..<Int(c.pointee.count) {
    let at = c.pointee.tiles! + i
    var (w, low) = (reals(c.pointee.weights), 0)
    for group in 0..<groups {
      let height = outputs &* (group &+ 1) / groups &- low
      sumTaps(height, c, at, w + Int(at.pointee.first_tap) &* height, sums + low &* span)
      w += Int(c.pointee.taps) &* height
      low &+= height
    }
    write(c, sums, Int(at.pointee.at), Int(at.pointee.count))
    if at.pointee.second_count > 0 {
      write(c, sums + lanes, Int(at.pointee.second_at), Int(at.pointee.second_count))
    }
  }
}

// Transparent functions here: the inliner leaves these calls, which cost a tenth of a layer with few taps.

/// `count` of 16 pixels from position `at` on.
@_transparent
private func write(
  _ c: UnsafePointer<cv_planes>, _ sums: UnsafeMutablePointer<Real>, _ at: Int, _ count: Int
) {
  let outputs = Int(c.pointee.outputs)
  let (y, pixels, adds) = (
    reals(c.pointee.y) + at &* outputs, reals(c.pointee.pixels), c.pointee.accumulate != 0
  )
  let contiguous =
    Int(c.pointee.y_pixel) == outputs && Int(c.pointee.y_row) == Int(c.pointee.width) &* outputs
  // What is written too much lies where later pixels go; the last ones have nothing behind them.
  if contiguous && !adds && (at &+ lanes) &* outputs &+ lanes <= Int(c.pointee.positions) &* outputs {
    pixelsFromPlanes(sums, outputs, y)
    return
  }
  pixelsFromPlanes(sums, outputs, pixels)
  if contiguous {
    copy(pixels, y, count &* outputs, adds)
  } else {
    writePixels(c.pointee, at, count)
  }
}

/// Pixels from position `at` on, which do not lie side by side in y.
private func writePixels(_ c: cv_planes, _ at: Int, _ count: Int) {
  var (line, column) = (at / Int(c.width), at % Int(c.width))
  for i in 0..<count {
    copy(
      reals(c.pixels) + i &* Int(c.outputs), reals(c.y) + (line &* Int(c.y_row) &+ column &* Int(c.y_pixel)),
      Int(c.outputs), c.accumulate != 0)
    column &+= 1
    if column == Int(c.width) { (line, column) = (line &+ 1, 0) }
  }
}

@_transparent
private func sumTaps(
  _ height: Int, _ c: UnsafePointer<cv_planes>, _ at: UnsafePointer<cv_plane_tile>, _ w: UnsafePointer<Real>,
  _ sums: UnsafeMutablePointer<Real>
) {
  switch height {
  case 1: sumTaps(Rows1<TwoVectors>.self, c, at, w, sums)
  case 2: sumTaps(Rows2<TwoVectors>.self, c, at, w, sums)
  case 3: sumTaps(Rows3<TwoVectors>.self, c, at, w, sums)
  case 4: sumTaps(Rows4<TwoVectors>.self, c, at, w, sums)
  case 5: sumTaps(Rows5<TwoVectors>.self, c, at, w, sums)
  #if WIDE_VECTORS
    case 7: sumTaps(Rows7<TwoVectors>.self, c, at, w, sums)
    case 8: sumTaps(Rows8<TwoVectors>.self, c, at, w, sums)
    case 9: sumTaps(Rows9<TwoVectors>.self, c, at, w, sums)
    case 10: sumTaps(Rows10<TwoVectors>.self, c, at, w, sums)
    case 11: sumTaps(Rows11<TwoVectors>.self, c, at, w, sums)
    case 12: sumTaps(Rows12<TwoVectors>.self, c, at, w, sums)
    case 13: sumTaps(Rows13<TwoVectors>.self, c, at, w, sums)
    case 14: sumTaps(Rows14<TwoVectors>.self, c, at, w, sums)
  #endif
  default: sumTaps(Rows6<TwoVectors>.self, c, at, w, sums)
  }
}

@_transparent
private func sumTaps<T: Tile>(
  _: T.Type, _ c: UnsafePointer<cv_planes>, _ at: UnsafePointer<cv_plane_tile>, _ w: UnsafePointer<Real>,
  _ sums: UnsafeMutablePointer<Real>
) where T.Row == TwoVectors {
  var tile = T()
  let (x, second) = (reals(c.pointee.x) + Int(at.pointee.x), Int(at.pointee.second))
  var (w, offset, left) = (w, c.pointee.offsets! + Int(at.pointee.first_tap), at.pointee.taps)
  while left > 0 {
    let from = x + Int(offset.pointee)
    tile.add(w, 1, TwoVectors(from, from + second))
    w += T.rows
    offset += 1
    left &-= 1
  }
  tile.write(sums, span, false)
}

/// pixels[p][output] of sums[output][p]. Groups of outputs from the last to the first: what a group writes too much lies
/// where a later one writes.
@inline(__always)
private func pixelsFromPlanes(
  _ sums: UnsafeMutablePointer<Real>, _ outputs: Int, _ pixels: UnsafeMutablePointer<Real>
) {
  let whole = outputs &- outputs % lanes &+ (outputs % lanes >= 3 &* lanes / 4 ? lanes : 0)
  var low = whole < outputs ? whole &+ (outputs &- whole &- 1) / 4 &* 4 : whole &- lanes
  while low >= whole {
    planesToPixels(sums + low &* span, span, min(4, outputs &- low), pixels + low, outputs)
    low &-= 4
  }
  low = whole &- lanes
  while low >= 0 {
    transposeLanes(sums + low &* span, span, min(lanes, outputs &- low), pixels + low, outputs)
    low &-= lanes
  }
}

@inline(__always)
private func copy(
  _ from: UnsafePointer<Real>, _ to: UnsafeMutablePointer<Real>, _ count: Int, _ accumulate: Bool
) {
  let width = Vector.scalarCount
  var at = 0
  if accumulate {
    while at &+ width <= count {
      store(load(to + at) + load(from + at), to + at)
      at &+= width
    }
    while at < count {
      to[at] += from[at]
      at &+= 1
    }
  } else {
    while at &+ width <= count {
      store(load(from + at), to + at)
      at &+= width
    }
    if at < count && count >= width {
      store(load(from + (count &- width)), to + (count &- width))
      return
    }
    while at < count {
      to[at] = from[at]
      at &+= 1
    }
  }
}

/// Sums for a weight gradient, a lane for each position modulo the width of a vector.
public func addPlaneGradient(_ c: UnsafePointer<cv_plane_gradient>) {
  let c = c.pointee
  let (outputs, groups) = (Int(c.outputs), Int(c.groups))
  var low = 0
  for group in 0..<groups {
    let height = outputs &* (group &+ 1) / groups &- low
    var tap = 0
    while tap < Int(c.taps) {
      switch height {
      case 1: correlate(Lines1.self, c, low, tap)
      #if WIDE_VECTORS
        case 3: correlate(Lines3.self, c, low, tap)
        case 4: correlate(Lines4.self, c, low, tap)
        case 5: correlate(Lines5.self, c, low, tap)
        case 6: correlate(Lines6.self, c, low, tap)
      #endif
      default: correlate(Lines2.self, c, low, tap)
      }
      tap &+= 4
    }
    low &+= height
  }
}

@inline(__always)
private func correlate<T: Tile>(_: T.Type, _ c: cv_plane_gradient, _ low: Int, _ tap: Int)
where T.Row == FourTaps {
  var tile = T()
  let (plane, offset) = (Int(c.plane), c.offsets! + tap)
  var g = reals(c.gradient) + low &* plane
  var x = reals(c.x) + Int(offset[0])
  let (second, third, fourth) = (
    Int(offset[1] &- offset[0]), Int(offset[2] &- offset[0]), Int(offset[3] &- offset[0])
  )
  var left = Int(c.positions)
  while left > 0 {
    tile.add(g, plane, FourTaps(x, x + second, x + third, x + fourth))
    g += Vector.scalarCount
    x += Vector.scalarCount
    left &-= Vector.scalarCount
  }
  let lanes = Vector.scalarCount
  tile.write(
    reals(c.partial) + (low &* Int(c.taps) &+ tap) &* lanes, Int(c.taps) &* lanes, c.accumulate != 0)
}

/// What four taps read, or one output's sums for them, which take no bias.
private struct FourTaps: Columns {
  private var v0: Vector
  private var v1: Vector
  private var v2: Vector
  private var v3: Vector

  @inline(__always)
  init(
    _ p: UnsafePointer<Real>, _ q: UnsafePointer<Real>, _ r: UnsafePointer<Real>,
    _ s: UnsafePointer<Real>
  ) {
    v0 = load(p)
    v1 = load(q)
    v2 = load(r)
    v3 = load(s)
  }
  @inline(__always)
  init(_ p: UnsafePointer<Real>) {
    let width = Vector.scalarCount
    self.init(p, p + width, p + 2 * width, p + 3 * width)
  }
  @inline(__always)
  init() {
    v0 = Vector(repeating: 0)
    v1 = Vector(repeating: 0)
    v2 = Vector(repeating: 0)
    v3 = Vector(repeating: 0)
  }
  @inline(__always)
  mutating func add(_ x: Vector, _ b: Self) {
    v0 = multiplyAdd(x, b.v0, v0)
    v1 = multiplyAdd(x, b.v1, v1)
    v2 = multiplyAdd(x, b.v2, v2)
    v3 = multiplyAdd(x, b.v3, v3)
  }
  @inline(__always)
  func write(_ p: UnsafeMutablePointer<Real>, _ accumulate: Bool) {
    let before = accumulate ? FourTaps(UnsafePointer(p)) : FourTaps()
    let width = Vector.scalarCount
    store(before.v0 + v0, p)
    store(before.v1 + v1, p + width)
    store(before.v2 + v2, p + 2 * width)
    store(before.v3 + v3, p + 3 * width)
  }
  @inline(__always)
  func finish(
    _ p: UnsafeMutablePointer<Real>, _ accumulate: Bool, _ bias: FourTaps, _ residue: inout FourTaps
  ) { write(p, accumulate) }
}

/// One output, whose gradient is read a vector of positions at a time.
private struct Line: Tile {
  private var sums = FourTaps()

  @inline(__always)
  static var rows: Int { 1 }
  @inline(__always)
  init() {}
  @inline(__always)
  mutating func add(_ a: UnsafePointer<Real>, _ stride: Int, _ b: FourTaps) { sums.add(load(a), b) }
  @inline(__always)
  func write(_ c: UnsafeMutablePointer<Real>, _ stride: Int, _ accumulate: Bool) {
    sums.write(c, accumulate)
  }
  @inline(__always)
  func finish(
    _ c: UnsafeMutablePointer<Real>, _ stride: Int, _ accumulate: Bool, _ bias: FourTaps,
    _ residue: inout FourTaps
  ) { write(c, stride, accumulate) }
}

private typealias Lines1 = Line
private typealias Lines2 = Stacked<Lines1, Lines1>
#if WIDE_VECTORS
  private typealias Lines3 = Stacked<Lines2, Lines1>
  private typealias Lines4 = Stacked<Lines2, Lines2>
  private typealias Lines5 = Stacked<Lines4, Lines1>
  private typealias Lines6 = Stacked<Lines4, Lines2>
#endif

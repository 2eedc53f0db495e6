import CVector

/// The leaves of direct convolution: four neighboring pixels (or, in the weight gradient, four neighboring rows) by one or
/// two vectors of columns are a block of named accumulators. The same text is compiled for each instruction set: three
/// blocks of two vectors fill 24 of the 32 registers of AVX-512; elsewhere one block of one vector is half of them.
#if WIDE_VECTORS
  private let wide = true
#else
  private let wide = false
#endif

protocol Block {
  init()
  static var width: Int { get }
  /// Adds the products of x[0], x[stride], x[2 stride], x[3 stride] with the columns at `w`.
  mutating func add(_ x: UnsafePointer<Real>, _ stride: Int, _ w: UnsafePointer<Real>)
  /// Calls with the number of each pixel or row and each vector.
  func forEach(_ body: (Int, Int, Lanes) -> Void)
}

struct FourByOne: Block {
  var a = Lanes(repeating: 0)
  var b = Lanes(repeating: 0)
  var c = Lanes(repeating: 0)
  var d = Lanes(repeating: 0)

  @inline(__always) static var width: Int { lanes }

  @inline(__always)
  mutating func add(_ x: UnsafePointer<Real>, _ stride: Int, _ w: UnsafePointer<Real>) {
    let w0 = loadLanes(w)
    a = multiplyAdd(Lanes(repeating: x[0]), w0, a)
    b = multiplyAdd(Lanes(repeating: x[stride]), w0, b)
    c = multiplyAdd(Lanes(repeating: x[2 &* stride]), w0, c)
    d = multiplyAdd(Lanes(repeating: x[3 &* stride]), w0, d)
  }

  @inline(__always)
  func forEach(_ body: (Int, Int, Lanes) -> Void) {
    body(0, 0, a)
    body(1, 0, b)
    body(2, 0, c)
    body(3, 0, d)
  }
}

struct FourByTwo: Block {
  var a = Lanes(repeating: 0)
  var b = Lanes(repeating: 0)
  var c = Lanes(repeating: 0)
  var d = Lanes(repeating: 0)
  var e = Lanes(repeating: 0)
  var f = Lanes(repeating: 0)
  var g = Lanes(repeating: 0)
  var h = Lanes(repeating: 0)

  @inline(__always) static var width: Int { 2 &* lanes }

  @inline(__always)
  mutating func add(_ x: UnsafePointer<Real>, _ stride: Int, _ w: UnsafePointer<Real>) {
    let w0 = loadLanes(w)
    let w1 = loadLanes(w + lanes)
    let x0 = Lanes(repeating: x[0])
    a = multiplyAdd(x0, w0, a)
    b = multiplyAdd(x0, w1, b)
    let x1 = Lanes(repeating: x[stride])
    c = multiplyAdd(x1, w0, c)
    d = multiplyAdd(x1, w1, d)
    let x2 = Lanes(repeating: x[2 &* stride])
    e = multiplyAdd(x2, w0, e)
    f = multiplyAdd(x2, w1, f)
    let x3 = Lanes(repeating: x[3 &* stride])
    g = multiplyAdd(x3, w0, g)
    h = multiplyAdd(x3, w1, h)
  }

  @inline(__always)
  func forEach(_ body: (Int, Int, Lanes) -> Void) {
    body(0, 0, a)
    body(0, 1, b)
    body(1, 0, c)
    body(1, 1, d)
    body(2, 0, e)
    body(2, 1, f)
    body(3, 0, g)
    body(3, 1, h)
  }
}

/// One block of columns for `count` groups of pixels. The sum of each output runs over segments and `run` in order,
/// whatever tile it falls into.
public func convolvePixels(
  _ c: UnsafePointer<cv_convolution>, _ pixels: UnsafePointer<cv_pixels>, _ count: Int
) {
  #if WIDE_VECTORS
    if c.pointee.neighbors > 1 { return convolveNeighbors(c.pointee, pixels, count) }
  #endif
  if wide {
    if c.pointee.vectors == 2 {
      walk(FourByTwo.self, c.pointee, pixels, count, 0)
    } else {
      walk(FourByOne.self, c.pointee, pixels, count, 0)
    }
  } else {
    for vector in 0..<Int(c.pointee.vectors) { walk(FourByOne.self, c.pointee, pixels, count, vector) }
  }
}

@inline(__always)
private func walk<B: Block>(
  _: B.Type, _ c: cv_convolution, _ pixels: UnsafePointer<cv_pixels>, _ count: Int, _ vector: Int
) {
  var at = 0
  if wide {
    while at &+ 3 <= count {
      fetchAhead(c, at, 3)
      three(B.self, c, pixels + at)
      at &+= 3
    }
  }
  while at < count {
    one(B.self, c, pixels + at, vector)
    at &+= 1
  }
}

/// Asks for the part of what is read next that belongs to `groups` groups of pixels.
@inline(__always)
func fetchAhead(_ c: cv_convolution, _ at: Int, _ groups: Int) {
  fetch(c.ahead, at &* Int(c.ahead_step), groups &* Int(c.ahead_step))
}

@inline(__always)
func fetch(_ p: UnsafeRawPointer?, _ from: Int, _ count: Int) {
  guard let p else { return }
  var line = 0
  while line < count {
    cv_prefetch(p + (from &+ line) &* MemoryLayout<Real>.size)
    line &+= lanes
  }
}

@inline(__always)
private func three<B: Block>(_: B.Type, _ c: cv_convolution, _ p: UnsafePointer<cv_pixels>) {
  var (u, v, t) = (B(), B(), B())
  let stride = Int(c.x_pixel)
  var w = reals(c.weights)
  for segment in 0..<Int(c.segments) {
    let x = reals(c.x) + Int(c.offsets[segment])
    var (x0, x1, x2) = (x + Int(p[0].x), x + Int(p[1].x), x + Int(p[2].x))
    for _ in 0..<Int(c.run) {
      u.add(x0, stride, w)
      v.add(x1, stride, w)
      t.add(x2, stride, w)
      x0 += 1
      x1 += 1
      x2 += 1
      w += B.width
    }
  }
  put(u, c, p[0], 0)
  put(v, c, p[1], 0)
  put(t, c, p[2], 0)
}

@inline(__always)
private func one<B: Block>(
  _: B.Type, _ c: cv_convolution, _ p: UnsafePointer<cv_pixels>, _ vector: Int
) {
  var u = B()
  let stride = Int(c.x_pixel)
  let step = lanes &* Int(c.vectors)
  var w = reals(c.weights) + lanes &* vector
  for segment in 0..<Int(c.segments) {
    var x = reals(c.x) + Int(c.offsets[segment]) + Int(p[0].x)
    for _ in 0..<Int(c.run) {
      u.add(x, stride, w)
      x += 1
      w += step
    }
  }
  put(u, c, p[0], vector)
}

@inline(__always)
func put<B: Block>(_ block: B, _ c: cv_convolution, _ p: cv_pixels, _ vector: Int) {
  let y = reals(c.y) + Int(p.y) + (lanes &* vector)
  let columns = min(B.width, Int(c.columns) &- lanes &* vector)
  if p.first == 0 && p.last == 4 && columns == B.width {
    block.forEach { pixel, vector, value in
      let out = y + (pixel &* Int(c.y_pixel) &+ vector &* lanes)
      storeLanes(c.accumulate != 0 ? loadLanes(out) + value : value, out)
    }
    return
  }
  withUnsafeTemporaryAllocation(of: Real.self, capacity: 4 &* B.width) { rows in
    let rows = rows.baseAddress!
    block.forEach { pixel, vector, value in storeLanes(value, rows + (pixel &* B.width &+ vector &* lanes)) }
    for pixel in Int(p.first)..<Int(p.last) {
      let out = y + (pixel &* Int(c.y_pixel))
      let row = rows + (pixel &* B.width)
      if c.accumulate != 0 {
        for column in 0..<columns { out[column] += row[column] }
      } else {
        out.update(from: row, count: columns)
      }
    }
  }
}

/// One block of columns of the weight gradient, over a block of images' rows.
public func addWeightGradient(_ c: UnsafePointer<cv_weight_gradient>) {
  #if WIDE_VECTORS
    if c.pointee.neighbors > 1 { return addNeighborGradient(c.pointee) }
  #endif
  if wide {
    if c.pointee.vectors == 2 {
      walk(FourByTwo.self, c.pointee, 0)
    } else {
      walk(FourByOne.self, c.pointee, 0)
    }
  } else {
    for vector in 0..<Int(c.pointee.vectors) { walk(FourByOne.self, c.pointee, vector) }
  }
}

@inline(__always)
private func walk<B: Block>(_: B.Type, _ c: cv_weight_gradient, _ vector: Int) {
  let quads = Int(c.quads)
  var at = 0
  if wide {
    while at &+ 3 <= quads {
      three(B.self, c, at)
      at &+= 3
    }
  }
  while at < quads {
    one(B.self, c, at, vector)
    at &+= 1
  }
}

@inline(__always)
private func three<B: Block>(_: B.Type, _ c: cv_weight_gradient, _ at: Int) {
  var (u, v, t) = (B(), B(), B())
  // The sums so far arrive while new ones are formed.
  for line in 0..<(12 &* B.width / lanes) {
    cv_prefetch(reals(c.partial) + (4 &* at &* B.width &+ lanes &* line))
  }
  let (xStep, gStep) = (Int(c.x_pixel), Int(c.g_pixel))
  for image in 0..<Int(c.images) {
    for row in 0..<Int(c.rows) {
      let x = reals(c.x) + (image &* Int(c.x_image) &+ row &* Int(c.x_row))
      var x0 = x + Int(c.offsets[at])
      var x1 = x + Int(c.offsets[at &+ 1])
      var x2 = x + Int(c.offsets[at &+ 2])
      var g = reals(c.gradient) + (image &* Int(c.g_image) &+ row &* Int(c.g_row))
      for _ in 0..<Int(c.width) {
        u.add(x0, 1, g)
        v.add(x1, 1, g)
        t.add(x2, 1, g)
        x0 += xStep
        x1 += xStep
        x2 += xStep
        g += gStep
      }
    }
  }
  addSums(c, at, 0, u)
  addSums(c, at &+ 1, 0, v)
  addSums(c, at &+ 2, 0, t)
}

@inline(__always)
private func one<B: Block>(_: B.Type, _ c: cv_weight_gradient, _ at: Int, _ vector: Int) {
  var u = B()
  let (xStep, gStep) = (Int(c.x_pixel), Int(c.g_pixel))
  for image in 0..<Int(c.images) {
    for row in 0..<Int(c.rows) {
      var x = reals(c.x) + (image &* Int(c.x_image) &+ row &* Int(c.x_row) &+ Int(c.offsets[at]))
      var g = reals(c.gradient) + (image &* Int(c.g_image) &+ row &* Int(c.g_row) &+ lanes &* vector)
      for _ in 0..<Int(c.width) {
        u.add(x, 1, g)
        x += xStep
        g += gStep
      }
    }
  }
  addSums(c, at, vector, u)
}

@inline(__always)
func addSums<B: Block>(_ c: cv_weight_gradient, _ quad: Int, _ first: Int, _ block: B) {
  let step = lanes &* Int(c.vectors)
  let rows = reals(c.partial) + (4 &* quad &* step &+ lanes &* first)
  block.forEach { row, vector, value in
    let out = rows + (row &* step &+ vector &* lanes)
    storeLanes(c.accumulate != 0 ? loadLanes(out) + value : value, out)
  }
}

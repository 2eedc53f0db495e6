import CVector

#if WIDE_VECTORS
  /// Direct convolution where the taps of a kernel's row read neighboring pixels, those of the outputs' own step: four
  /// outputs side by side share what they read, so that a pixel is loaded once for all taps, and sixteen sums in
  /// registers share the weights.
  ///
  /// The sum of each output runs over the rows of the kernel, channels, and the taps of a row, whatever tile it falls into.
  func convolveNeighbors(_ c: cv_convolution, _ pixels: UnsafePointer<cv_pixels>, _ count: Int) {
    if c.neighbors == 3 {
      walk(ThreeTaps.self, c, pixels, count)
    } else {
      walk(FiveTaps.self, c, pixels, count)
    }
  }

  /// The weights of the taps of a row, for one channel and sixteen outputs.
  private protocol Neighbors {
    static var count: Int { get }
    init(_ w: UnsafePointer<Real>, _ step: Int)
    func add(_ x: UnsafePointer<Real>, _ stride: Int, to sums: inout FourByOne)
  }

  private struct ThreeTaps: Neighbors {
    private let w0: Lanes, w1: Lanes, w2: Lanes

    @inline(__always) static var count: Int { 3 }

    @inline(__always)
    init(_ w: UnsafePointer<Real>, _ step: Int) {
      w0 = loadLanes(w)
      w1 = loadLanes(w + step)
      w2 = loadLanes(w + 2 &* step)
    }

    @inline(__always)
    func add(_ x: UnsafePointer<Real>, _ stride: Int, to sums: inout FourByOne) {
      let x0 = Lanes(repeating: x[0])
      sums.a = multiplyAdd(x0, w0, sums.a)
      let x1 = Lanes(repeating: x[stride])
      sums.a = multiplyAdd(x1, w1, sums.a)
      sums.b = multiplyAdd(x1, w0, sums.b)
      let x2 = Lanes(repeating: x[2 &* stride])
      sums.a = multiplyAdd(x2, w2, sums.a)
      sums.b = multiplyAdd(x2, w1, sums.b)
      sums.c = multiplyAdd(x2, w0, sums.c)
      let x3 = Lanes(repeating: x[3 &* stride])
      sums.b = multiplyAdd(x3, w2, sums.b)
      sums.c = multiplyAdd(x3, w1, sums.c)
      sums.d = multiplyAdd(x3, w0, sums.d)
      let x4 = Lanes(repeating: x[4 &* stride])
      sums.c = multiplyAdd(x4, w2, sums.c)
      sums.d = multiplyAdd(x4, w1, sums.d)
      let x5 = Lanes(repeating: x[5 &* stride])
      sums.d = multiplyAdd(x5, w2, sums.d)
    }
  }

  private struct FiveTaps: Neighbors {
    private let w0: Lanes, w1: Lanes, w2: Lanes, w3: Lanes, w4: Lanes

    @inline(__always) static var count: Int { 5 }

    @inline(__always)
    init(_ w: UnsafePointer<Real>, _ step: Int) {
      w0 = loadLanes(w)
      w1 = loadLanes(w + step)
      w2 = loadLanes(w + 2 &* step)
      w3 = loadLanes(w + 3 &* step)
      w4 = loadLanes(w + 4 &* step)
    }

    @inline(__always)
    func add(_ x: UnsafePointer<Real>, _ stride: Int, to sums: inout FourByOne) {
      let x0 = Lanes(repeating: x[0])
      sums.a = multiplyAdd(x0, w0, sums.a)
      let x1 = Lanes(repeating: x[stride])
      sums.a = multiplyAdd(x1, w1, sums.a)
      sums.b = multiplyAdd(x1, w0, sums.b)
      let x2 = Lanes(repeating: x[2 &* stride])
      sums.a = multiplyAdd(x2, w2, sums.a)
      sums.b = multiplyAdd(x2, w1, sums.b)
      sums.c = multiplyAdd(x2, w0, sums.c)
      let x3 = Lanes(repeating: x[3 &* stride])
      sums.a = multiplyAdd(x3, w3, sums.a)
      sums.b = multiplyAdd(x3, w2, sums.b)
      sums.c = multiplyAdd(x3, w1, sums.c)
      sums.d = multiplyAdd(x3, w0, sums.d)
      let x4 = Lanes(repeating: x[4 &* stride])
      sums.a = multiplyAdd(x4, w4, sums.a)
      sums.b = multiplyAdd(x4, w3, sums.b)
      sums.c = multiplyAdd(x4, w2, sums.c)
      sums.d = multiplyAdd(x4, w1, sums.d)
      let x5 = Lanes(repeating: x[5 &* stride])
      sums.b = multiplyAdd(x5, w4, sums.b)
      sums.c = multiplyAdd(x5, w3, sums.c)
      sums.d = multiplyAdd(x5, w2, sums.d)
      let x6 = Lanes(repeating: x[6 &* stride])
      sums.c = multiplyAdd(x6, w4, sums.c)
      sums.d = multiplyAdd(x6, w3, sums.d)
      let x7 = Lanes(repeating: x[7 &* stride])
      sums.d = multiplyAdd(x7, w4, sums.d)
    }
  }

  @inline(__always)
  private func walk<T: Neighbors>(
    _: T.Type, _ c: cv_convolution, _ pixels: UnsafePointer<cv_pixels>, _ count: Int
  ) {
    for vector in 0..<Int(c.vectors) {
      var at = 0
      while at &+ 4 <= count {
        if vector == 0 { fetchAhead(c, at, 4) }
        four(T.self, c, pixels + at, vector)
        at &+= 4
      }
      while at < count {
        one(T.self, c, pixels + at, vector)
        at &+= 1
      }
    }
  }

  @inline(__always)
  private func four<T: Neighbors>(
    _: T.Type, _ c: cv_convolution, _ p: UnsafePointer<cv_pixels>, _ vector: Int
  ) {
    var (u, v, s, t) = (FourByOne(), FourByOne(), FourByOne(), FourByOne())
    let (stride, step) = (Int(c.x_pixel), lanes &* Int(c.vectors))
    let (offsets, segments, run) = (c.offsets!, Int(c.segments), Int(c.run))
    let (first, second, third, fourth) = (Int(p[0].x), Int(p[1].x), Int(p[2].x), Int(p[3].x))
    var w = reals(c.weights) + lanes &* vector
    var segment = 0
    while segment < segments {
      var x0 = reals(c.x) + (Int(offsets[segment]) &+ first)
      let (x1, x2, x3) = (second &- first, third &- first, fourth &- first)
      var left = run
      while left > 0 {
        let weights = T(w, run &* step)
        weights.add(x0, stride, to: &u)
        weights.add(x0 + x1, stride, to: &v)
        weights.add(x0 + x2, stride, to: &s)
        weights.add(x0 + x3, stride, to: &t)
        x0 += 1
        w += step
        left &-= 1
      }
      w += (T.count &- 1) &* run &* step
      segment &+= 1
    }
    put(u, c, p[0], vector)
    put(v, c, p[1], vector)
    put(s, c, p[2], vector)
    put(t, c, p[3], vector)
  }

  @inline(__always)
  private func one<T: Neighbors>(
    _: T.Type, _ c: cv_convolution, _ p: UnsafePointer<cv_pixels>, _ vector: Int
  ) {
    var u = FourByOne()
    let (stride, step, run) = (Int(c.x_pixel), lanes &* Int(c.vectors), Int(c.run))
    var w = reals(c.weights) + lanes &* vector
    for segment in 0..<Int(c.segments) {
      var x = reals(c.x) + (Int(c.offsets[segment]) &+ Int(p[0].x))
      var left = run
      while left > 0 {
        T(w, run &* step).add(x, stride, to: &u)
        x += 1
        w += step
        left &-= 1
      }
      w += (T.count &- 1) &* run &* step
    }
    put(u, c, p[0], vector)
  }

  /// The weight gradient of three taps of a row by four or eight channels: each pixel is loaded once for the three.
  func addNeighborGradient(_ c: cv_weight_gradient) {
    let quads = Int(c.quads)
    var at = 0
    if c.vectors == 1 {
      while at &+ 6 <= quads {
        threeTaps(Pair<FourByOne>.self, c, at)
        at &+= 6
      }
    }
    while at < quads {
      if c.vectors == 2 {
        threeTaps(Alone<FourByTwo>.self, c, at)
      } else {
        threeTaps(Alone<FourByOne>.self, c, at)
      }
      at &+= 3
    }
  }

  /// Blocks of rows of the weights, three quads apart.
  private protocol Blocks {
    static var quads: Int { get }
    static var lines: Int { get }
    init()
    mutating func add(_ x: UnsafePointer<Real>, _ next: Int, _ g: UnsafePointer<Real>)
    func addTo(_ c: cv_weight_gradient, _ at: Int)
  }

  private struct Alone<B: Block>: Blocks {
    private var block = B()

    @inline(__always) static var quads: Int { 3 }
    @inline(__always) static var lines: Int { 12 &* B.width / lanes }
    @inline(__always) init() {}
    @inline(__always)
    mutating func add(_ x: UnsafePointer<Real>, _ next: Int, _ g: UnsafePointer<Real>) {
      block.add(x, 1, g)
    }
    @inline(__always)
    func addTo(_ c: cv_weight_gradient, _ at: Int) { addSums(c, at, 0, block) }
  }

  private struct Pair<B: Block>: Blocks {
    private var first = B()
    private var second = B()

    @inline(__always) static var quads: Int { 6 }
    @inline(__always) static var lines: Int { 24 &* B.width / lanes }
    @inline(__always) init() {}
    @inline(__always)
    mutating func add(_ x: UnsafePointer<Real>, _ next: Int, _ g: UnsafePointer<Real>) {
      first.add(x, 1, g)
      second.add(x + next, 1, g)
    }
    @inline(__always)
    func addTo(_ c: cv_weight_gradient, _ at: Int) {
      addSums(c, at, 0, first)
      addSums(c, at &+ 3, 0, second)
    }
  }

  @inline(__always)
  private func threeTaps<B: Blocks>(_: B.Type, _ c: cv_weight_gradient, _ at: Int) {
    var (u, v, t) = (B(), B(), B())
    // The sums so far arrive while new ones are formed.
    for line in 0..<B.lines {
      cv_prefetch(reals(c.partial) + (4 &* lanes &* at &* Int(c.vectors) &+ lanes &* line))
    }
    let (xStep, gStep) = (Int(c.x_pixel), Int(c.g_pixel))
    let (first, last, width) = (Int(c.first), Int(c.last), Int(c.width))
    let next = at &+ 3 < Int(c.quads) ? Int(c.offsets[at &+ 3] &- c.offsets[at]) : 0
    var ahead = at / 3 &* Int(c.images &* c.rows)
    for image in 0..<Int(c.images) {
      for row in 0..<Int(c.rows) {
        for _ in 0..<(B.quads / 3) {
          fetch(c.x_ahead, ahead &* Int(c.x_ahead_step), Int(c.x_ahead_step))
          fetch(c.g_ahead, ahead &* Int(c.g_ahead_step), Int(c.g_ahead_step))
          ahead &+= 1
        }
        var x =
          reals(c.x)
          + (image &* Int(c.x_image) &+ row &* Int(c.x_row) &+ Int(c.offsets[at]) &+ first &* xStep)
        var g = reals(c.gradient) + (image &* Int(c.g_image) &+ row &* Int(c.g_row) &+ first &* gStep)
        var column = first
        while column < last {
          // Between the edges all three taps meet a gradient; at the edges, where one does not, it meets zeros.
          let end = column >= 2 && column < width ? min(last, width) : column &+ 1
          var g0 = column < width ? g : reals(c.zeros)
          var g1 = column >= 1 && column <= width ? g - gStep : reals(c.zeros)
          var g2 = column >= 2 ? g - 2 &* gStep : reals(c.zeros)
          g += (end &- column) &* gStep
          while column < end {
            u.add(x, next, g0)
            v.add(x, next, g1)
            t.add(x, next, g2)
            x += xStep
            g0 += gStep
            g1 += gStep
            g2 += gStep
            column &+= 1
          }
        }
      }
    }
    u.addTo(c, at)
    v.addTo(c, at &+ 1)
    t.addTo(c, at &+ 2)
  }
#endif

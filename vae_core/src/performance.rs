//! Where the time of a training step goes on the CPU, and what was done about it. Nothing to call: a page to read.
//!
//! # What a step has to do
//!
//! Nearly all arithmetic of a VAE is matrix products. Forward, each weight is multiplied once for each image (in a
//! convolution: once for each image and output pixel); backward twice, for the gradients of weights and inputs; and nobody
//! needs the gradient of the images. For 784–400–20 and a batch of 128 that is 0.42 billion operations, for the
//! convolutional network and a batch of 100 it is 9.7 billion. Divided by the speed of one large matrix product on the same
//! machine this makes the **floor** that `make bench` prints beside each time.
//!
//! # Where candle's step went
//!
//! Measured on two cores with AVX-512 before any of this: 32 ms for 784–400–20, of which the floor is 1.2 ms, and 770–900 ms
//! for the convolutional network, floor 27 ms. A profile of both found, from the top:
//!
//! | where | why | what was done |
//! |---|---|---|
//! | the optimizer: 18 of 32 ms | a dozen tensor operations for each parameter, each with a result of its own | [`Adam`](crate::optim::Adam) makes one pass in place |
//! | matrix products | the AVX-512 kernels of the `gemm` crate are behind a feature | turned on: the feature `avx512` of this crate |
//! | `conv_transpose2d`, and the backward pass of `conv2d`, which uses it: 631 of 814 ms | a naive loop | the kernels below |
//! | the accumulators of gradients | candle fills a tensor with zeros for each gradient and adds to it, in passes of their own | a [`Stack`](crate::nn::Stack) is one operation; [`nn::backward`](crate::nn::backward) |
//! | ln(1 + eˣ) of each pixel | eight tensor operations, with the library's scalar exp and log | one pass with polynomials that the compiler makes vectors of |
//!
//! # Two register tiles
//!
//! A processor with AVX-512 multiplies and adds 16 pairs of numbers in an instruction, two instructions a cycle, but loads
//! only two vectors a cycle. A product is fast when every number that is loaded is used several times, so a *tile* of the
//! result is kept in registers: 6 rows by 64 columns are 24 vectors of sums. For each k, four vectors of the right-hand side
//! and six numbers of the left-hand one are loaded, for 24 multiply-adds.
//!
//! The left-hand side is read where it lies, through a table of where each row begins; the right-hand side is packed into
//! panels as wide as a tile. A fully connected layer needs three products, and all three are this tile: forward, rows of
//! the weight times panels of the batch (or, for a large batch, the other way round); for the gradient of the input, rows of dy times panels of the weight, which each
//! task packs just before it uses them; for the gradient of the weight, rows of dyᵀ times panels of the batch. (The other
//! tile could read all of that in place. With the loop that it had then it was half as fast: to walk down a column of a large matrix is to meet a new page
//! of memory at every step.) For a convolution a row is the window of an output
//! pixel in the image (padded, channels last): within a line of the window the numbers lie together, so the table replaces
//! the copy of all windows ("im2col") that most CPU convolutions make (Dukhan 2019, "The indirect convolution algorithm").
//! A transposed convolution of stride s is cut into s² ordinary ones, one for each class of output pixels, so that no zero is
//! multiplied. The gradient of a convolution's weight is the other tile: sums over pixels instead of over the window.
//!
//! Few rows are a problem: 7 × 7 output pixels make four tiles of 12 rows and a fifth with one, so small images are computed
//! several at a time.
//!
//! The tiles are written once, in safe Rust on the `pulp` crate, which picks AVX-512, AVX2, NEON or plain code at run time.
//! Lessons from reading the machine code: an array of sums that is indexed by a variable anywhere lives in memory, and
//! each multiply-add then drags a store behind it (without them, the convolutions went from 70 to 28 ms); so does one that a
//! loop with two ways out hands on, and looking two places up for 24 multiply-adds, each with its bounds, takes as long as
//! they do (the gradients of the convolutions' weights: from 60 to 43 ms of one thread); and numbers that the compiler knows to
//! lie together are loaded as a vector and shuffled apart, on the very port that multiplies, unless they are read one by one.
//!
//! # One operation for a stack
//!
//! candle gives an operation at most three arguments, and a network has dozens. [`Stack`](crate::nn::Stack) runs all its
//! layers as one operation of (x, token): the token is a single zero that depends on all weights through a chain of tiny
//! operations. Backward, the stack computes every gradient, hands candle that of x, and each link of the chain picks up
//! those of its own weight and bias. So activations and their gradients are plain buffers, the bias and the nonlinearity
//! are finished while a tile is in registers, and a convolution's backward pass goes image by image, with image, gradients
//! and weights in the second-level cache.
//!
//! `loss.backward()` works as ever. [`nn::backward`](crate::nn::backward), which [`Trainer`](crate::train::Trainer) uses,
//! hands the parameters' gradients over without candle's accumulators. So does the log-probability of Bernoulli pixels with
//! the gradient of the logits: for so large a tensor candle also wakes threads of its own, which go on spinning for a while
//! after their work, on the very cores where ours should start. The gradient of a fully connected layer's weight is handed
//! over as the two factors that it is the product of, and [`Adam`](crate::optim::Adam) multiplies them out in pieces that
//! never leave the cache. The two heads of an encoder are one product ([`Layer::Pair`](crate::nn::Layer::Pair)), so that
//! candle has no two gradients of their input to add up.
//!
//! # Memory
//!
//! With the products fast, a third of a step of 784–400–20 was *page faults*: 1,600 a step, 6 µs each. glibc takes a tensor's
//! memory from the system and gives it back when the tensor is dropped, and the system hands out every page anew, filled
//! with zeros. So the first [`Stack`](crate::nn::Stack) that runs asks glibc, once, to keep what is freed (`mallopt`; whoever
//! sets `MALLOC_TRIM_THRESHOLD_`, `MALLOC_MMAP_THRESHOLD_` or `GLIBC_TUNABLES` keeps the word). What the layers themselves
//! need for a moment, activations, panels, gradients, comes from a pool of buffers that are neither freed nor filled with
//! zeros between steps.
//!
//! Where a buffer begins matters, too. A vector of AVX-512 is as long as a line of the cache, and memory from the heap begins
//! 16 bytes into one, so that each load needed two lines: a product ran at 0.70 of the processor's peak rate. With panels
//! that begin with a line it runs at 0.88.
//!
//! Then the copies count. Turning 100,000 numbers round took longer than a tenth of the product they were turned for,
//! until it was done in squares in vector registers, reading few rows from end to end: that is an order the processor
//! foresees. With AVX-512 the squares are 16 × 16, so that every line of the cache is read once and written once.
//!
//! # Numbers that are too small
//!
//! Some time in the second epoch every step of 784–400–400–20 took half as long again, and stayed so. A hidden unit whose
//! rectifier never fires any more has no gradient, and Adam multiplies the first mean of each of its weights by 0.9, step
//! after step: after 700 steps they are below 10⁻³⁸, where float32 goes on with fewer and fewer digits, *subnormal*, and a
//! processor computes many times slower. There they stay for ever, since 0.9 times the smallest of them rounds back to
//! itself. On MNIST a quarter of the weights ended so. [`Adam`](crate::optim::Adam) now sets means to 0 before that, and a
//! step takes the same time in every epoch. Logits beyond ±43 did the same to the square in ln(1 + eˣ). A benchmark that
//! begins anew every few hundred steps sees nothing of this; a reason to time whole trainings as well. (PyTorch has
//! `torch.set_flush_denormal`, which is off unless asked for.)
//!
//! # What each step bought
//!
//! Time of a step after / before, both run in turns on the same machine (two cores; medians; `make bench` measures the same
//! steps):
//!
//! | what | model | after / before |
//! |---|---|---|
//! | freed memory is kept | 784–400–20 | 0.72 |
//! | both gradients of a layer from the panel tile | 784–400–20 | 0.77 |
//! | buffers from a pool, gradients past candle, both gradients side by side | 784–400–20 | 0.91 |
//! | transposes in vector registers | 784–400–20 / 784–400–400–20 | 0.89 / 0.90 |
//! | both heads in one product | 784–400–20 / 784–400–400–20 | 0.94 / 0.91 |
//! | buffers begin with a line of the cache | 784–400–20 / 784–512–40 | 0.91 / 0.93 |
//! | the logits' gradient past candle | 784–400–20 / 784–512–40 | 0.93 / 0.92 |
//! | a large batch meets the weight turned round | 400 → 784, 500 images, forward only | 0.81 |
//! | no subnormal numbers in Adam | 784–400–400–20, from the second epoch on | 0.65 |
//! | squares of 16 × 16, packing by vectors | 784–400–400–20 / 784–512–40 | 0.98 / 0.98 |
//! | weights' gradients multiplied out inside Adam | 784–400–400–20 / 784–512–40 | 0.98 / 0.97 |
//! | fused multiply-adds in ln(1 + eˣ) | the log-probability alone | 0.55 |
//! | bias and rectifier in the tile, the rectifier's derivative in the pass that puts columns side by side; one vector exp for KL and draws | 784–400–400–20 / 784–400–20 | 0.97 / 0.98 |
//! | candle's part of the backward pass on a thread of the pool | 784–400–400–20 / 784–400–20 | 0.99 / 0.99 |
//! | the next batch made beside the optimizer's step | an epoch of 784–400–400–20 / 784–512–40 | 0.99 / 0.97 |
//! | a lean loop for the gradients of convolutions' weights, small images several at a time | convolutional | 0.88 |
//! | no loop over all threads inside a task, biases summed on the way, weights reordered by rows and squares | convolutional | 0.88 |
//! | five vectors by five rows for 72 channels | convolutional | 0.98 |
//!
//! # Where a step's time goes now
//!
//! A step of 784–400–400–20 with the time of each task noted, both cores really two (5.35 ms, so 10.7 ms of two threads; before the
//! rows above that begin with bias and rectifier in the tile, and the noting itself is a few hundredths of it):
//!
//! | | share |
//! |---|---|
//! | the tile: forward 20 %, gradients of inputs 12 %, gradients of weights 21 % | 53 % |
//! | Adam's update, from the gradient in the cache | 10 % |
//! | packing and turning: weights for the gradients of inputs 4 %, batches and their gradients 6 %, outputs 2 % | 12 % |
//! | passes over a batch: columns side by side, derivatives of rectifiers, the log-probability and its gradient | 7 % |
//! | noise, KL, copies of outputs, and candle between the operations, on one thread while the other waits; waking threads; uneven ends | 18 % |
//!
//! The convolutional network, by samples of where both threads are (a step of 86 ms):
//!
//! | | share |
//! |---|---|
//! | the tiles: forward 23 %, gradients of inputs 21 %, gradients of weights 25 %, the rest 4 % | 73 % |
//! | padding images, packing the small side for the gradients of weights | 9 % |
//! | derivatives of rectifiers 5 %, gradients of biases 1 % | 6 % |
//! | Adam, adding up the last layer's windows, transposes, zeros for sums, waiting | 12 % |
//!
//! What runs inside a task stays on its thread. Loops over all threads inside loops over all threads are allowed, and rayon
//! would share them out, but then the other core reads what this one has in its cache, and the task waits for it.
//!
//! With everything in the cache the tile runs at 0.95 of the processor's peak rate for sums of 784, at 0.88 for the 128 of a
//! weight's gradient; in the step at three quarters of it: what one core has just written the other has to fetch, 50 ns a
//! line of the cache.
//!
//! # Beside PyTorch
//!
//! `make bench TORCH=/path/to/python BENCH_ARGS="--rounds 9"`: PyTorch 2.13 and this crate in turns on the same two cores with
//! AVX-512, a machine shared with others, where both cores are at times the two threads of one. Milliseconds of a step
//! (forward, backward, Adam), medians; the ratios are medians of the rounds' ratios, and are what to look at:
//!
//! | model | batch | this crate | PyTorch eager | compiled | floor | crate / eager | floor / crate |
//! |---|---|---|---|---|---|---|---|
//! | 784–400–20 | 128 | 5.2 | 12.3 | 11.9 | 3.9 | 0.43 | 0.75 |
//! | 784–400–400–20 | 128 | 8.3 | 16.9 | 16.0 | 6.0 | 0.49 | 0.74 |
//! | 784–512–40 | 128 | 6.8 | 14.3 | 13.8 | 5.0 | 0.48 | 0.74 |
//! | convolutional, latent 64 | 100 | 118 | 249 | 311 | 88 | 0.48 | 0.75 |
//!
//! The machine was in its slower state then; in the other, all times are two thirds of these. All runs of two hours, of 3 to 9
//! rounds: 0.43 to 0.47 (five runs), 0.45 to 0.49 (five), 0.47 to 0.51 (five), 0.48 and 0.49.
//!
//! A whole epoch over 60,000 images with loading, medians of 5 in each run: 0.41, 0.45, 0.45, 0.47, 0.51 of PyTorch's time for the
//! first model, 0.47, 0.49, 0.50, 0.51, 0.52 for the second, 0.42, 0.46, 0.48, 0.49, 0.51 for the third, so 0.45, 0.50 and 0.48 in the
//! middle; and 0.62 and 0.48 for the convolutional network (49 and 79 seconds, 58 and 122; in a third run PyTorch needed 219,
//! which does not count). The aim was 0.5, and 0.7 for the last.
//!
//! Built with `--no-default-features`, so without AVX-512 on this side only, a step takes 0.68, 0.77, 0.71 and 0.76 of PyTorch's
//! time. In a cell of a notebook it takes 1.03 to 1.04 of the time in a release build (`make kernel-bench`).
//!
//! Inference, 500 images at a time, as images a second of this crate / PyTorch's: encoders 1.2, 1.1, 1.1 and decoders 0.9, 0.9,
//! 1.0 for the three dense models; the convolutional encoder 2.8, its decoder 5.8.
//!
//! Training the convolutional network on 60,000 images takes 460 MB of memory at most (`train --data mnist --model conv`).
//!
//! # The same bits, whatever the threads
//!
//! Every sum has one order. Output pixels and rows are independent of each other; the sums over a batch (gradients of
//! weights and biases) are cut into groups whose size does not depend on the number of threads, and the groups are added
//! first to last. So a run repeats bit for bit on one machine with 1, 2 or 4 threads. Another instruction set sums in
//! vectors of another width: across machines, results agree to rounding only.
//!
//! # What was weighed or tried, and dropped
//!
//! - *Tried: asking for memory ahead* (prefetch): the lines of the result before a tile is done, or the next columns of a weight
//!   while a tile is at work: no difference that could be measured. Adam's four arrays during the product before them: 10 %
//!   slower, since the tile itself keeps the way from the second-level cache busy.
//! - *Tried: half of the images for each thread* in the forward pass, with the whole weight, instead of all images and half of the
//!   weight. No pass and no wait between layers, 4 to 7 % faster; but then both cores hold every weight, and Adam, which writes
//!   to them, is slower by as much.
//! - *Tried: the whole forward pass on a thread of the pool*, too (it would ask of every model that threads can share it), *outputs
//!   handed to candle without a copy, the log-probability and its gradient in one pass, buffers back to the thread that had
//!   them*: 0 to 2 % each, and no more together.
//! - *Tried: the gradients of convolutions' weights for 32, 64 or 100 pixels at a time*, so that their panel stays in the
//!   first-level cache: as fast (the second level keeps up), or slower, since sums are read and written more often.
//! - *Tried: the whole training loop on a thread of the pool*: 14 switches of threads a step instead of 30, 0 to 2 % faster.
//! - *Tried: smaller tasks* (24 rows instead of 48), for a more even end of each product: 10 % slower.
//! - *Tried: other tiles* (8 rows by 48 columns instead of 6 by 64: as fast; 12 by 32: 5 to 10 % slower).
//! - *Tried: the calling thread as one of a pool of its own* (rayon's `use_current_thread`), which saves waking a thread for each
//!   operation: 3 to 4 %. But threads that never sleep stay where they are: in some runs both were on one core, and a step
//!   took twice as long.
//! - *Tried: tasks of equal length, and the output's columns written by the tasks themselves* instead of in one pass afterwards:
//!   as fast; lines of the cache that two threads write to cost what the pass did.
//! - *Tried: the buffer that came back last first*, since it should still be in the cache: no difference.
//! - *Tried: Adam without square root and division*, to see what approximations of them could save: a sixth of Adam, 2 % of a step.
//! - *Tried: huge pages* (glibc's `hugetlb`): 10 % before the products read memory in order, nothing after.
//! - *Weighed: strided views of the padded image through the `gemm` crate*, one for each line of the window. Between lines
//!   there are seams, and computing garbage there adds 7 % at 28 × 28 pixels, 29 % at 7 × 7, and with stride 2 as much
//!   again as the result.
//! - *Tried: gathering windows where the output has one channel* (the last layer of most decoders): a vector of sums holds
//!   one number. Each small pixel's window is computed at once and added to the image instead, which took the decoder of
//!   the convolutional network from 42 to 31 ms of processor time.
//! - *Tried: a taller tile (12 rows by 32 columns) for the gradients of weights.* Its tables need registers too, and a
//!   quarter of the sums was spilled to memory; it has 8 rows now.

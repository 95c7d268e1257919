"""The LLVM text of the native launcher: with this module one can read what happens in a warm call, block by block.

`launcher_text` explains the words of the table, expands two abbreviations, and fills in what begins with a dollar sign:

    %result := type %base[unit index]       read element `index` of an array of `unit`s
    %base[unit index] := type value         write it
"""

from __future__ import annotations

# Blocks are grouped as: header, inputs, constants, overlap of donated leaves, outputs, workspace, call, scalars, exits.
CODE = """\
declare ptr @funcgrad_PyTuple_New(i64)
declare void @funcgrad_Py_IncRef(ptr)
declare void @funcgrad_Py_DecRef(ptr)
declare i64 @funcgrad_PyLong_AsLongLongAndOverflow(ptr, ptr)
declare ptr @funcgrad_PyErr_NoMemory()
declare ptr @funcgrad_PyMem_RawMalloc(i64)
declare void @funcgrad_PyMem_RawFree(ptr)
declare ptr @funcgrad_PyEval_SaveThread()
declare void @funcgrad_PyEval_RestoreThread(ptr)
declare ptr @funcgrad_PyArray_NewFromDescr(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)
declare ptr @funcgrad_PyArray_Scalar(ptr, ptr, ptr)
declare ptr @funcgrad_PyObject_GetAttr(ptr, ptr)
declare ptr @funcgrad_PyObject_Vectorcall(ptr, ptr, i64, ptr)

@booleans = private constant [2 x i8] c"\\00\\01"

define void @funcgrad_identity(ptr %pointers) {
  %source = load ptr, ptr %pointers
  %target := ptr %pointers[ptr $identity_target]
  %value = load <4 x i64>, ptr %source, align 1
  store <4 x i64> %value, ptr %target, align 1
  ret void
}

define ptr @funcgrad_launch(ptr %self, ptr %args, i64 %count) {
begin:
  %table := ptr %self[i8 $at_data]
$header  %slot.at = getelementptr i64, ptr %table, i64 $slot_word
  %donates = icmp ne i64 %donated, 0
  %overflow = alloca i32
  %stack = alloca ptr, i64 %pointers, align 16
  %room = alloca [16 x i8], i64 %scratch, align 16
  %lows = alloca i64, i64 %bounds, align 16
  %highs = alloca i64, i64 %bounds, align 16
  %first.input = getelementptr i64, ptr %table, i64 $first_record
  %count.right = icmp eq i64 %count, %inputs
  br i1 %count.right, label %start, label %refuse
start:
  br i1 %donates, label %start.bounds, label %input
start.bounds:
  %tail = sub i64 %bounds, 4
  %lows[i64 %tail] := <4 x i64> <i64 -1, i64 -1, i64 -1, i64 -1>
  %highs[i64 %tail] := <4 x i64> zeroinitializer
  br label %input

input:
  %k = phi i64 [ 0, %start ], [ 0, %start.bounds ], [ %k.next, %input.bounded ]
  %rec = phi ptr [ %first.input, %start ], [ %first.input, %start.bounds ], [ %rec.next, %input.bounded ]
  %free = phi ptr [ %room, %start ], [ %room, %start.bounds ], [ %free.next, %input.bounded ]
  %input.more = icmp ult i64 %k, %inputs
  br i1 %input.more, label %input.check, label %constant
input.check:
  %arg := ptr %args[ptr %k]
  %type := ptr %arg[i8 $at_type]
  %rec.kind = load i64, ptr %rec
  %rec.type := ptr %rec[i64 1]
  %type.right = icmp eq ptr %type, %rec.type
  %rec.ndim := i64 %rec[i64 4]
  switch i64 %rec.kind, label %refuse [ i64 0, label %stored i64 1, label %integer i64 2, label %boolean ]
stored:
  br i1 %type.right, label %array, label %value
value:
  %other := ptr %rec[i64 2]
  %other.right = icmp eq ptr %type, %other
  %payload = getelementptr i8, ptr %arg, i64 $at_payload
  br i1 %other.right, label %input.found, label %refuse
array:
  %dtype := ptr %arg[i8 $at_dtype]
  %rec.dtype := ptr %rec[i64 3]
  %dtype.right = icmp eq ptr %dtype, %rec.dtype
  %ndim := i32 %arg[i8 $at_ndim]
  %ndim.wide = sext i32 %ndim to i64
  %ndim.right = icmp eq i64 %ndim.wide, %rec.ndim
  %flags := i32 %arg[i8 $at_flags]
  %flags.wide = zext i32 %flags to i64
  %rec.flags := i64 %rec[i64 5]
  %flags.common = and i64 %flags.wide, %rec.flags
  %flags.right = icmp eq i64 %flags.common, %rec.flags
  %both.right = and i1 %dtype.right, %ndim.right
  %all.right = and i1 %both.right, %flags.right
  %rec.dims = getelementptr i64, ptr %rec, i64 $input_words
  br i1 %all.right, label %shape, label %refuse
shape:
  %dims := ptr %arg[i8 $at_dimensions]
  %data := ptr %arg[i8 $at_data]
  br label %dimension
dimension:
  %j = phi i64 [ 0, %shape ], [ %j.next, %dimension.check ]
  %dimension.more = icmp ult i64 %j, %rec.ndim
  br i1 %dimension.more, label %dimension.check, label %input.found
dimension.check:
  %dim := i64 %dims[i64 %j]
  %rec.dim := i64 %rec.dims[i64 %j]
  %j.next = add i64 %j, 1
  %dim.right = icmp eq i64 %dim, %rec.dim
  br i1 %dim.right, label %dimension, label %refuse
integer:
  br i1 %type.right, label %integer.read, label %refuse
integer.read:
  %integer.value = call i64 @funcgrad_PyLong_AsLongLongAndOverflow(ptr %arg, ptr %overflow)
  store i64 %integer.value, ptr %free
  %overflowed = load i32, ptr %overflow
  %fits = icmp eq i32 %overflowed, 0
  %free.after = getelementptr i8, ptr %free, i64 $scratch_bytes
  br i1 %fits, label %input.found, label %refuse
boolean:
  %is.true = icmp eq ptr %arg, %true
  %is.false = icmp eq ptr %arg, %false
  %is.boolean = or i1 %is.true, %is.false
  %boolean.index = zext i1 %is.true to i64
  %boolean.at = getelementptr i8, ptr @booleans, i64 %boolean.index
  br i1 %is.boolean, label %input.found, label %refuse
input.found:
  %found = phi ptr [ %payload, %value ], [ %data, %dimension ], [ %free, %integer.read ], [ %boolean.at, %boolean ]
  %free.next = phi ptr [ %free, %value ], [ %free, %dimension ], [ %free.after, %integer.read ], [ %free, %boolean ]
  %stack[ptr %k] := ptr %found
  %rec.words = add i64 %rec.ndim, $input_words
  %rec.next = getelementptr i64, ptr %rec, i64 %rec.words
  br i1 %donates, label %input.bound, label %input.bounded
input.bound:
  %rec.bytes := i64 %rec[i64 6]
  call void @bound(ptr %lows, ptr %highs, i64 %k, ptr %found, i64 %rec.bytes)
  br label %input.bounded
input.bounded:
  %k.next = add i64 %k, 1
  br label %input

constant:
  %c = phi i64 [ 0, %input ], [ %c.next, %constant.bounded ]
  %constant.more = icmp ult i64 %c, %constants
  br i1 %constant.more, label %constant.copy, label %overlap
constant.copy:
  %c.words = mul i64 %c, $constant_words
  %c.word = add i64 %constant_word, %c.words
  %c.data := ptr %table[i64 %c.word]
  %c.slot = add i64 %inputs, %outputs
  %c.index = add i64 %c.slot, %c
  %stack[ptr %c.index] := ptr %c.data
  br i1 %donates, label %constant.bound, label %constant.bounded
constant.bound:
  %c.word.bytes = add i64 %c.word, 1
  %c.bytes := i64 %table[i64 %c.word.bytes]
  %c.bound = add i64 %inputs, %c
  call void @bound(ptr %lows, ptr %highs, i64 %c.bound, ptr %c.data, i64 %c.bytes)
  br label %constant.bounded
constant.bounded:
  %c.next = add i64 %c, 1
  br label %constant

overlap:
  %d = phi i64 [ 0, %constant ], [ %d.next, %overlap.counted ]
  %overlap.more = icmp ult i64 %d, %donated
  br i1 %overlap.more, label %overlap.start, label %allocate
overlap.start:
  %d.word = add i64 %donated_word, %d
  %d.index := i64 %table[i64 %d.word]
  %d.low := i64 %lows[i64 %d.index]
  %d.high := i64 %highs[i64 %d.index]
  br label %pair
pair:
  %p = phi i64 [ 0, %overlap.start ], [ %p.next, %pair ]
  %hits = phi <4 x i64> [ zeroinitializer, %overlap.start ], [ %hits.next, %pair ]
  %p.low := <4 x i64> %lows[i64 %p]
  %p.high := <4 x i64> %highs[i64 %p]
  %d.low.one = insertelement <4 x i64> poison, i64 %d.low, i64 0
  %d.lows = shufflevector <4 x i64> %d.low.one, <4 x i64> poison, <4 x i32> zeroinitializer
  %d.high.one = insertelement <4 x i64> poison, i64 %d.high, i64 0
  %d.highs = shufflevector <4 x i64> %d.high.one, <4 x i64> poison, <4 x i32> zeroinitializer
  %below = icmp ult <4 x i64> %d.lows, %p.high
  %above = icmp ult <4 x i64> %p.low, %d.highs
  %meets = and <4 x i1> %below, %above
  %meets.wide = zext <4 x i1> %meets to <4 x i64>
  %hits.next = add <4 x i64> %hits, %meets.wide
  %p.next = add i64 %p, 4
  %pair.more = icmp ult i64 %p.next, %bounds
  br i1 %pair.more, label %pair, label %overlap.counted
overlap.counted:
  %met = call i64 @llvm.vector.reduce.add.v4i64(<4 x i64> %hits.next)
  %d.next = add i64 %d, 1
  %alone = icmp ule i64 %met, 1
  br i1 %alone, label %overlap, label %refuse

allocate:
  %tuple = call ptr @funcgrad_PyTuple_New(i64 %outputs)
  %tuple.missing = icmp eq ptr %tuple, null
  br i1 %tuple.missing, label %error, label %allocate.start
allocate.start:
  %items = getelementptr i8, ptr %tuple, i64 $at_items
  %first.output = getelementptr i64, ptr %table, i64 %output_word
  %pointers.out = getelementptr ptr, ptr %stack, i64 %inputs
  br label %output
output:
  %o = phi i64 [ 0, %allocate.start ], [ %o.next, %output.found ]
  %out = phi ptr [ %first.output, %allocate.start ], [ %out.next, %output.found ]
  %spare = phi ptr [ %free, %allocate.start ], [ %spare.next, %output.found ]
  %scalars = phi i64 [ 0, %allocate.start ], [ %scalars.next, %output.found ]
  %output.more = icmp ult i64 %o, %outputs
  br i1 %output.more, label %output.make, label %workspace.find
output.make:
  %out.kind = load i64, ptr %out
  %out.dtype := ptr %out[i64 1]
  %out.ndim := i64 %out[i64 2]
  switch i64 %out.kind, label %failure [ i64 0, label %fresh i64 1, label %donation i64 2, label %scalar ]
fresh:
  call void @funcgrad_Py_IncRef(ptr %out.dtype)
  %out.ndim.int = trunc i64 %out.ndim to i32
  %out.dims = getelementptr i64, ptr %out, i64 $output_words
  %new = call ptr @funcgrad_PyArray_NewFromDescr(ptr %ndarray, ptr %out.dtype, i32 %out.ndim.int, ptr %out.dims, ptr null, ptr null, i32 0, ptr null)
  %new.missing = icmp eq ptr %new, null
  br i1 %new.missing, label %failure, label %fresh.store
fresh.store:
  %items[ptr %o] := ptr %new
  %new.data := ptr %new[i8 $at_data]
  br label %output.found
donation:
  %source := i64 %out[i64 3]
  %donor := ptr %args[ptr %source]
  call void @funcgrad_Py_IncRef(ptr %donor)
  %items[ptr %o] := ptr %donor
  %donor.data := ptr %stack[ptr %source]
  br label %output.found
scalar:
  %spare.after = getelementptr i8, ptr %spare, i64 $scratch_bytes
  br label %output.found
output.found:
  %target = phi ptr [ %new.data, %fresh.store ], [ %donor.data, %donation ], [ %spare, %scalar ]
  %spare.next = phi ptr [ %spare, %fresh.store ], [ %spare, %donation ], [ %spare.after, %scalar ]
  %is.scalar = phi i64 [ 0, %fresh.store ], [ 0, %donation ], [ 1, %scalar ]
  %pointers.out[ptr %o] := ptr %target
  %scalars.next = add i64 %scalars, %is.scalar
  %out.words = add i64 %out.ndim, $output_words
  %out.next = getelementptr i64, ptr %out, i64 %out.words
  %o.next = add i64 %o, 1
  br label %output

workspace.find:
  %works = icmp ne i64 %workspace, 0
  br i1 %works, label %workspace.take, label %run
workspace.take:
  %kept = atomicrmw xchg ptr %slot.at, ptr null seq_cst
  %none.kept = icmp eq ptr %kept, null
  br i1 %none.kept, label %workspace.make, label %workspace.align
workspace.make:
  %block.bytes = add i64 %workspace, $alignment
  %block.new = call ptr @funcgrad_PyMem_RawMalloc(i64 %block.bytes)
  %block.missing = icmp eq ptr %block.new, null
  br i1 %block.missing, label %workspace.fail, label %workspace.align
workspace.fail:
  %unused = call ptr @funcgrad_PyErr_NoMemory()
  br label %failure
workspace.align:
  %block = phi ptr [ %kept, %workspace.take ], [ %block.new, %workspace.make ]
  %block.int = ptrtoint ptr %block to i64
  %block.up = add i64 %block.int, $alignment_mask
  %block.down = and i64 %block.up, -$alignment
  %block.aligned = inttoptr i64 %block.down to ptr
  %last = sub i64 %pointers, 1
  %stack[ptr %last] := ptr %block.aligned
  br label %run

run:
  %owned = phi ptr [ null, %workspace.find ], [ %block, %workspace.align ]
  %holds = icmp eq i64 %releases, 0
  br i1 %holds, label %run.holding, label %run.released
run.holding:
  call void %entry(ptr %stack)
  br label %workspace.return
run.released:
  %thread = call ptr @funcgrad_PyEval_SaveThread()
  call void %entry(ptr %stack)
  call void @funcgrad_PyEval_RestoreThread(ptr %thread)
  br label %workspace.return
workspace.return:
  %must.return = icmp ne ptr %owned, null
  br i1 %must.return, label %workspace.put, label %wrap
workspace.put:
  %surplus = atomicrmw xchg ptr %slot.at, ptr %owned seq_cst
  %is.surplus = icmp ne ptr %surplus, null
  br i1 %is.surplus, label %workspace.free, label %wrap
workspace.free:
  call void @funcgrad_PyMem_RawFree(ptr %surplus)
  br label %wrap

wrap:
  %no.scalars = icmp eq i64 %scalars, 0
  br i1 %no.scalars, label %done, label %wrap.output
wrap.output:
  %w = phi i64 [ 0, %wrap ], [ %w.next, %wrap.next ]
  %wout = phi ptr [ %first.output, %wrap ], [ %wout.next, %wrap.next ]
  %wrap.more = icmp ult i64 %w, %outputs
  br i1 %wrap.more, label %wrap.check, label %done
wrap.check:
  %wout.kind = load i64, ptr %wout
  %wout.scalar = icmp eq i64 %wout.kind, 2
  br i1 %wout.scalar, label %wrap.make, label %wrap.next
wrap.make:
  %wout.dtype := ptr %wout[i64 1]
  %w.data := ptr %pointers.out[ptr %w]
  %number = call ptr @funcgrad_PyArray_Scalar(ptr %w.data, ptr %wout.dtype, ptr null)
  %number.missing = icmp eq ptr %number, null
  br i1 %number.missing, label %failure, label %wrap.store
wrap.store:
  %items[ptr %w] := ptr %number
  br label %wrap.next
wrap.next:
  %wout.ndim := i64 %wout[i64 2]
  %wout.words = add i64 %wout.ndim, $output_words
  %wout.next = getelementptr i64, ptr %wout, i64 %wout.words
  %w.next = add i64 %w, 1
  br label %wrap.output

done:
  ret ptr %tuple
refuse:
  call void @funcgrad_Py_IncRef(ptr %none)
  ret ptr %none
failure:
  call void @funcgrad_Py_DecRef(ptr %tuple)
  br label %error
error:
  ret ptr null
}

define ptr @funcgrad_direct(ptr %self, ptr %args, i64 %count, ptr %names) {
begin:
  call void @funcgrad_Py_IncRef(ptr %self)
  %words := ptr %self[i8 $at_data]
$direct_load  %is.named = icmp ne ptr %names, null
  br i1 %is.named, label %slow, label %look
look:
  %value = call ptr @funcgrad_PyObject_GetAttr(ptr %holder, ptr %attribute)
  %value.missing = icmp eq ptr %value, null
  br i1 %value.missing, label %done, label %compare
compare:
  call void @funcgrad_Py_DecRef(ptr %value)
  %is.set = icmp ne ptr %value, %none
  br i1 %is.set, label %slow, label %launch
launch:
  %outs = call ptr @funcgrad_launch(ptr %table, ptr %args, i64 %count)
  %outs.missing = icmp eq ptr %outs, null
  br i1 %outs.missing, label %done, label %answered
answered:
  %is.refused = icmp eq ptr %outs, %none
  br i1 %is.refused, label %refused, label %accepted
accepted:
  %is.single = icmp ne i64 %single, 0
  br i1 %is.single, label %take, label %done
take:
  %items = getelementptr i8, ptr %outs, i64 $at_items
  %item = load ptr, ptr %items
  call void @funcgrad_Py_IncRef(ptr %item)
  call void @funcgrad_Py_DecRef(ptr %outs)
  br label %done
refused:
  call void @funcgrad_Py_DecRef(ptr %outs)
  br label %slow
slow:
  %other = call ptr @funcgrad_PyObject_Vectorcall(ptr %otherwise, ptr %args, i64 %count, ptr %names)
  br label %done
done:
  %answer = phi ptr [ null, %look ], [ null, %launch ], [ %outs, %accepted ], [ %item, %take ], [ %other, %slow ]
  call void @funcgrad_Py_DecRef(ptr %self)
  ret ptr %answer
}

define internal void @bound(ptr %lows, ptr %highs, i64 %index, ptr %data, i64 %bytes) alwaysinline {
  %start = ptrtoint ptr %data to i64
  %end = add i64 %start, %bytes
  %empty = icmp eq i64 %bytes, 0
  %low = select i1 %empty, i64 -1, i64 %start
  %high = select i1 %empty, i64 0, i64 %end
  %lows[i64 %index] := i64 %low
  %highs[i64 %index] := i64 %high
  ret void
}

declare i64 @llvm.vector.reduce.add.v4i64(<4 x i64>)
"""  # noqa: E501

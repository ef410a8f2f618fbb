'use strict';
const error = new Error("Cannot find module 'msgpackr-extract'");
error.code = 'MODULE_NOT_FOUND';
throw error;
